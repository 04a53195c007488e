"""`make bench-webhooks`: what destinations cost payments; deliveries beside dead and slow ones.

Nothing here judges a time. It exits with 1 if a good destination missed an event.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from devstack import StackError
from devstack.interrupts import Interrupted, raise_on_signals, run_interruptible
from loadtest.arguments import amount_in, count_from
from loadtest.client import GatewayError
from loadtest.webhooks.cost import Cost, Terms, cost
from loadtest.webhooks.measure import Case, Measured, measure, without_bad


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    chosen = _parser().parse_args(arguments)
    raise_on_signals()
    good = chosen.destinations - chosen.dead - chosen.slow
    load = (chosen.rate, chosen.seconds, chosen.database, chosen.rest)
    case = Case(good, chosen.dead, chosen.slow, *load)
    found: dict[str, Measured] = {}
    spent = None
    try:
        if chosen.turns:
            spent = cost(_terms(chosen))
            _tell_cost(chosen, spent)
        if chosen.destinations:
            found = {
                "good ones alone": run_interruptible(measure(without_bad(case))),
                f"beside {case.dead} dead, {case.slow} slow": run_interruptible(measure(case)),
            }
    except (StackError, GatewayError, OSError) as error:
        print(f"webhooks: {error}", file=sys.stderr)
        return 2
    except Interrupted as interrupted:
        print("webhooks: interrupted; everything is stopped", file=sys.stderr)
        return interrupted.exit_code
    if chosen.json:
        told = {name: asdict(each) for name, each in found.items()}
        if spent is not None:
            told["payments"] = {"ratio": spent.ratio, **asdict(spent)}
        print(json.dumps(told, indent=2))
    elif found:
        Console().print(_table(case, found))
    missing = sum(each.missing for each in found.values())
    if missing:
        print(f"webhooks: {missing} events did not come", file=sys.stderr)
    return 1 if missing else 0


def _terms(chosen: argparse.Namespace) -> Terms:
    return Terms(
        destinations=chosen.beside,
        turns=chosen.turns,
        seconds=chosen.turn_seconds,
        rate=chosen.payments,
        database=chosen.database,
    )


def _tell_cost(chosen: argparse.Namespace, spent: Cost) -> None:
    if chosen.json:
        return
    turns = ", ".join(
        f"{some:.3f}/{none:.3f}" for some, none in zip(spent.with_some, spent.without, strict=True)
    )
    Console().print(
        f"{spent.ratio:.3f} times the CPU of payments a payment with {chosen.beside} destinations "
        f"as with none ({chosen.payments:g} payments/s, {chosen.database}; ms by turn: {turns})",
        highlight=False,
        soft_wrap=True,
    )


def _table(case: Case, found: dict[str, Measured]) -> Table:
    title = f"{case.good} good destinations, {case.rate:g} events/s each, {case.database}"
    table = Table("", "delivered", "p50 ms", "p95 ms", "CPU ms each", "CPU at rest", title=title)
    for name, each in found.items():
        figures = (f"{each.age.p50:.0f}", f"{each.age.p95:.0f}", f"{each.cpu_ms:.2f}")
        table.add_row(name, f"{each.delivered:,}", *figures, f"{each.idle_cpu_percent:.1f} %")
    return table


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench-webhooks", description=__doc__)
    parser.add_argument(
        "--destinations", type=count_from(0), default=1_000, help="in all (1000); 0: turns alone"
    )
    parser.add_argument(
        "--dead", type=count_from(0), default=100, help="refuse or never answer (100)"
    )
    parser.add_argument(
        "--slow", type=count_from(0), default=20, help="answer after five seconds (20)"
    )
    parser.add_argument("--rate", type=amount_in, default=0.05, help="events/s of each (0.05)")
    parser.add_argument("--seconds", type=amount_in, default=40.0, help="of events (40)")
    parser.add_argument("--rest", type=amount_in, default=4.0, help="seconds at rest before (4)")
    parser.add_argument(
        "--turns", type=count_from(0), default=4, help="with and without destinations (4)"
    )
    parser.add_argument(
        "--turn-seconds", type=amount_in, default=10.0, help="of payments a turn (10)"
    )
    parser.add_argument(
        "--payments", type=amount_in, default=100.0, help="a second of a turn (100)"
    )
    parser.add_argument(
        "--beside", type=count_from(0), default=10, help="destinations in these turns (10)"
    )
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())

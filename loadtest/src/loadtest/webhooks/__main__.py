"""`make bench-webhooks`: deliveries to many destinations, alone and beside dead and slow ones.

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
from loadtest.webhooks.measure import Case, Measured, measure, without_bad


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    chosen = _parser().parse_args(arguments)
    raise_on_signals()
    good = chosen.destinations - chosen.dead - chosen.slow
    load = (chosen.rate, chosen.seconds, chosen.database, chosen.rest)
    case = Case(good, chosen.dead, chosen.slow, *load)
    try:
        found = {
            "good ones alone": run_interruptible(measure(without_bad(case))),
            f"beside {case.dead} dead, {case.slow} slow": run_interruptible(measure(case)),
        }
    except (StackError, OSError) as error:
        print(f"webhooks: {error}", file=sys.stderr)
        return 2
    except Interrupted as interrupted:
        print("webhooks: interrupted; everything is stopped", file=sys.stderr)
        return interrupted.exit_code
    if chosen.json:
        print(json.dumps({name: asdict(each) for name, each in found.items()}, indent=2))
    else:
        Console().print(_table(case, found))
    missing = sum(each.missing for each in found.values())
    if missing:
        print(f"webhooks: {missing} events did not come", file=sys.stderr)
    return 1 if missing else 0


def _table(case: Case, found: dict[str, Measured]) -> Table:
    title = f"{case.good} good destinations, {case.rate:g} events/s each, {case.database}"
    table = Table("", "delivered", "p50 ms", "p95 ms", "CPU ms each", "CPU at rest", title=title)
    for name, each in found.items():
        figures = (f"{each.age.p50:.0f}", f"{each.age.p95:.0f}", f"{each.cpu_ms:.2f}")
        table.add_row(name, f"{each.delivered:,}", *figures, f"{each.idle_cpu_percent:.1f} %")
    return table


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench-webhooks", description=__doc__)
    parser.add_argument("--destinations", type=count_from(1), default=1_000, help="in all (1000)")
    parser.add_argument(
        "--dead", type=count_from(0), default=100, help="refuse or never answer (100)"
    )
    parser.add_argument(
        "--slow", type=count_from(0), default=20, help="answer after five seconds (20)"
    )
    parser.add_argument("--rate", type=amount_in, default=0.05, help="events/s of each (0.05)")
    parser.add_argument("--seconds", type=amount_in, default=40.0, help="of events (40)")
    parser.add_argument("--rest", type=amount_in, default=4.0, help="seconds at rest before (4)")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())

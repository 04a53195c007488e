"""`make bench-turns`: whether one of two gateways takes more CPU a payment, and how much.

Two whole stacks run at once: this checkout and another one (OTHER=), or this one with a part left
out (WITHOUT=). Each is paid in short turns, so that whatever else the machine does meets both.
Nothing here judges a time. It exits with 1 if a currency does not balance.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from devstack import StackError
from devstack.interrupts import Interrupted, raise_on_signals, run_interruptible
from devstack.topology import repository
from loadtest.arguments import amount_in, amount_to, count_from
from loadtest.bench.load import LoadError, PythonDriver
from loadtest.bench.systems import Gateway
from loadtest.bench.telemetry import collector
from loadtest.client import GatewayError
from loadtest.dummygen import generate
from loadtest.progress import track
from loadtest.turns.course import Course, Side, Terms, run
from loadtest.turns.destinations import place, receiver
from loadtest.turns.hosted import HostedStack, Variant
from loadtest.turns.report import document, markdown, print_table
from loadtest.turns.without import PARTS, run_by

_SEED, _PAYERS, _PAYMENTS = 7, 500, 2_500
_DESTINATIONS = "destinations"
# Each half a minute the audit compares a bounded part of the ledger: it takes more as that grows,
# whatever is paid meanwhile, and would be counted as theirs.
_UNAUDITED = {"KURS_AUDIT_SECONDS": "3600"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    chosen = _parser().parse_args(arguments)
    raise_on_signals()
    # Progress goes to standard error, so that --json and --markdown can be redirected.
    console = Console(stderr=chosen.json or chosen.markdown)
    try:
        course, complaints = _measure(console, _variants(chosen), chosen)
    except (StackError, LoadError, GatewayError, OSError) as error:
        print(f"turns: {error}", file=sys.stderr)
        return 2
    except Interrupted as interrupted:
        print("turns: interrupted; everything is stopped", file=sys.stderr)
        return interrupted.exit_code
    title = f"{chosen.database}, {_load(chosen)}"
    if chosen.json:
        print(json.dumps(document(course, title), indent=2))
    elif chosen.markdown:
        print(markdown(course, title))
    else:
        print_table(console, course, title)
    for complaint in complaints:
        print(f"turns: {complaint}", file=sys.stderr)
    return 1 if complaints else 0


def _variants(chosen: argparse.Namespace) -> tuple[Variant, Variant]:
    here = repository()
    if chosen.other is not None:
        other = chosen.other.resolve()
        return Variant("this checkout", here), Variant(f"the other one, {other.name}", other)
    if chosen.without == _DESTINATIONS:
        beside = Variant("with a destination", here, destinations=1)
        return beside, Variant("without destinations", here)
    left = Variant(f"without {chosen.without}", here, run_by=run_by(chosen.without))
    return Variant(f"with {chosen.without}", here), left


def _measure(
    console: Console, variants: tuple[Variant, Variant], chosen: argparse.Namespace
) -> tuple[Course, list[str]]:
    rows = generate(_PAYMENTS, _SEED, accounts=_PAYERS, failing=False)
    pairs = -(-chosen.turns // chosen.rounds)
    until = time.perf_counter() + chosen.minutes * 60
    terms = Terms(pairs, chosen.seconds, chosen.clients, chosen.rest, until)
    course = Course(*(Side(variant.name) for variant in variants))
    complaints: list[str] = []
    with collector() as endpoint, receiver() as port, ExitStack() as shown:
        environment = {"KURS_OTLP_ENDPOINT": endpoint, **_UNAUDITED}
        progress = shown.enter_context(track(console, "pairs of turns", pairs * chosen.rounds))
        for number in range(chosen.rounds):
            with ExitStack() as running:

                def start(variant: Variant, running: ExitStack = running) -> Gateway:
                    stack = HostedStack(variant, chosen.database, environment)
                    system = Gateway(variant.name, stack, rows)
                    running.enter_context(system)
                    if variant.destinations:
                        run_interruptible(_place(stack, system, port, variant.destinations))
                    return system

                # Who starts first changes, too.
                order = variants if number % 2 == 0 else variants[::-1]
                started = {variant.name: start(variant) for variant in order}
                systems = (started[course.this.name], started[course.other.name])
                run(course, systems, PythonDriver(rows, chosen.rate), terms, progress.step)
                complaints += [
                    f"{system.name} does not balance: {text}"
                    for system in systems
                    for text in system.complaints()
                ]
            if course.is_known or terms.is_over:
                break
    return course, complaints


async def _place(stack: HostedStack, system: Gateway, port: int, number: int) -> None:
    async with system.client() as client:
        await place(stack.folder, client, port, number)


def _load(chosen: argparse.Namespace) -> str:
    if chosen.rate is None:
        return f"{chosen.clients} clients"
    return f"{chosen.rate:g} payments/s"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench-turns", description=__doc__)
    compared = parser.add_mutually_exclusive_group(required=True)
    compared.add_argument(
        "--other", type=Path, help="another checkout with its .venv; `.` for this one once more"
    )
    compared.add_argument(
        "--without", choices=(*PARTS, _DESTINATIONS), help="this checkout without a part"
    )
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--clients", type=count_from(1, 1000), default=64, help="(64)")
    parser.add_argument("--rate", type=amount_to(10_000), help="payments/s; else as they can")
    parser.add_argument("--turns", type=count_from(1, 500), default=45, help="pairs at most (45)")
    parser.add_argument("--seconds", type=amount_in, default=2.5, help="a turn (2.5)")
    parser.add_argument("--minutes", type=amount_in, default=6.0, help="no pair after that (6)")
    parser.add_argument("--rounds", type=count_from(1, 20), default=3, help="starts of both (3)")
    parser.add_argument("--rest", type=amount_in, default=15.0, help="seconds at rest in each (15)")
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--markdown", action="store_true")
    output.add_argument("--json", action="store_true")
    return parser


if __name__ == "__main__":
    sys.exit(main())

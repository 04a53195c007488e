"""`python -m loadtest.bench`: measures the gateway and a naive chain of services side by side.

Nothing here judges a time. It exits with 1 if a payment was not captured or a currency does not
sum to zero: a fast ledger that loses money is not worth a figure.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console

from devstack import StackError
from devstack.interrupts import Interrupted, raise_on_signals
from loadtest.bench.baseline import BaselineError, changes, read_baseline
from loadtest.bench.case import Case
from loadtest.bench.load import Driver, LoadError, choose_driver
from loadtest.bench.picture import picture
from loadtest.bench.report import conditions, document, markdown, print_table
from loadtest.bench.systems import Kurs, NaiveChain, System
from loadtest.bench.telemetry import TEXT, collector, variants
from loadtest.client import GatewayError
from loadtest.dummygen import generate
from loadtest.rows import Row

_SEED = 7
_PAYMENTS_PER_PAYER = 5
"""How often a payer pays, on average, in the payments that clients go round."""
_WARM_UP_CLIENTS = 16
_DATABASES = ("sqlite", "postgresql", "both", "none")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and return its exit code."""
    chosen = _parser().parse_args(arguments)
    raise_on_signals()
    # Progress goes to standard error, so that --json and --markdown can be redirected.
    console = Console(stderr=chosen.json or chosen.markdown)
    try:
        base = read_baseline(chosen.base) if chosen.base else {}
        rows = _payments(chosen.payers)
        driver = choose_driver(chosen.driver, rows)
        cases: list[Case] = []
        complaints: list[str] = []
        with collector() as endpoint:
            for system in _systems(chosen, rows, endpoint):
                measured, wrong = _measure(console, system, driver, chosen)
                cases += measured
                complaints += wrong
    except (BaselineError, StackError, LoadError, GatewayError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except Interrupted as interrupted:
        print("bench: interrupted; everything is stopped", file=sys.stderr)
        return interrupted.exit_code
    _report(console, chosen, rows, driver, cases)
    for change in changes(cases, base):
        console.print(f"- {change}", highlight=False, soft_wrap=True)
    for complaint in complaints:
        print(f"bench: {complaint}", file=sys.stderr)
    return 1 if complaints else 0


def _payments(payers: int) -> list[Row]:
    return generate(payers * _PAYMENTS_PER_PAYER, _SEED, accounts=payers, failing=False)


def _systems(chosen: argparse.Namespace, rows: Sequence[Row], endpoint: str) -> Iterator[System]:
    if chosen.naive:
        yield NaiveChain()
    for database in ("sqlite", "postgresql"):
        if chosen.database in (database, "both"):
            for name, variables in variants(chosen.telemetry).items():
                environment = {"KURS_OTLP_ENDPOINT": endpoint, **variables}
                yield Kurs(database, rows, environment, variant=name)


def _measure(
    console: Console, system: System, driver: Driver, chosen: argparse.Namespace
) -> tuple[list[Case], list[str]]:
    console.print(f"{system.name}: starting", highlight=False)
    cases, complaints = [], []
    with system:
        driver.drive(system.gateway, system.api_key(), _WARM_UP_CLIENTS, chosen.warm_up, "warm-up")
        for number, clients in enumerate(chosen.clients):
            case = _case(system, driver, clients, chosen.seconds, f"run{number}")
            cases.append(case)
            console.print(
                f"{system.name}: {clients} clients, {case.per_second:.0f} payments/s, "
                f"{case.cpu_ms:.2f} ms CPU a payment",
                highlight=False,
            )
            if case.load.wrong:
                complaints.append(
                    f"{system.name}, {clients} clients: {case.load.wrong} payments were not "
                    f"captured, the first: {case.load.first_wrong}"
                )
        complaints += [f"{system.name} does not balance: {text}" for text in system.complaints()]
    return cases, complaints


def _case(system: System, driver: Driver, clients: int, seconds: float, run: str) -> Case:
    counters, spent = system.counters(), system.cpu_seconds()
    load = driver.drive(system.gateway, system.api_key(), clients, seconds, run)
    spent_after, counters_after = system.cpu_seconds(), system.counters()
    return Case(
        system=system.name,
        clients=clients,
        load=load,
        cpu_seconds={name: total - spent[name] for name, total in spent_after.items()},
        counters=counters_after.since(counters),
    )


def _report(
    console: Console,
    chosen: argparse.Namespace,
    rows: Sequence[Row],
    driver: Driver,
    cases: list[Case],
) -> None:
    known = conditions(rows, driver.name, chosen.seconds, TEXT[chosen.telemetry])
    if chosen.save:
        chosen.save.write_text(document(cases, known), "utf-8")
    if chosen.picture:
        chosen.picture.write_text(picture(cases), "utf-8")
    if chosen.json:
        print(document(cases, known))
    elif chosen.markdown:
        print(markdown(cases, known))
    else:
        print_table(console, cases)
        for condition in known:
            console.print(f"- {condition}", highlight=False, soft_wrap=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m loadtest.bench", description=__doc__)
    parser.add_argument("--database", choices=_DATABASES, default="both")
    parser.add_argument("--clients", type=_clients, default=[1, 16, 64, 256], help="1,16,64,256")
    parser.add_argument("--seconds", type=_seconds, default=8.0, help="a case (default 8)")
    parser.add_argument("--warm-up", type=_seconds, default=3.0, help="seconds (default 3)")
    parser.add_argument("--payers", type=_payers, default=2000, help="paying accounts")
    parser.add_argument("--driver", choices=("auto", "k6", "python"), default="auto")
    parser.add_argument("--telemetry", choices=tuple(TEXT), default="on")
    parser.add_argument("--no-naive", dest="naive", action="store_false", help="no yardstick")
    parser.add_argument("--base", type=Path, help="what an earlier run saved, to compare with")
    parser.add_argument("--save", type=Path, help="write the figures there, for a later --base")
    parser.add_argument("--picture", type=Path, help="draw the CPU by process there, as SVG")
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--markdown", action="store_true")
    output.add_argument("--json", action="store_true")
    return parser


def _clients(text: str) -> list[int]:
    numbers = [int(part) if part.isdigit() else 0 for part in text.split(",")]
    if not all(1 <= number <= 1000 for number in numbers):
        raise argparse.ArgumentTypeError("numbers from 1 to 1000, such as 1,16,64,256")
    return numbers


def _payers(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 100_000:
        raise argparse.ArgumentTypeError("a number from 1 to 100000")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 600:
        raise argparse.ArgumentTypeError("seconds from 0.1 to 600")
    return seconds


if __name__ == "__main__":
    sys.exit(main())

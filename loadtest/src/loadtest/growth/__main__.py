"""`make growth`: pays, fills the databases with copies of that, and measures both by one rule.

Nothing here judges a time. It exits with 1 when a payment was not captured, or when a currency does
not sum to zero, before or after.
"""

import argparse
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from devstack import StackError
from devstack.interrupts import Interrupted, raise_on_signals, run_interruptible
from devstack.topology import SERVICES
from kurs.data.database import Database
from kurs.data.limits import UNHURRIED
from loadtest.arguments import amount_in, count_from
from loadtest.bench.load import LoadError, PythonDriver
from loadtest.bench.systems import Kurs
from loadtest.client import GatewayError
from loadtest.dummygen import generate
from loadtest.growth.copies import TABLES, Progress, fill
from loadtest.growth.followers import FOLLOWING, follow
from loadtest.growth.measuring import Cpu, Measured, measure
from loadtest.growth.storage import sizes, storage_table
from loadtest.progress import track
from loadtest.rows import Row

_SEED = 7
_PAYERS = 500
_NAMES = [service.name for service in SERVICES]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measurement and return its exit code."""
    chosen = _parser().parse_args(arguments)
    raise_on_signals()
    console = Console()
    rows = generate(_PAYERS * 5, _SEED, accounts=_PAYERS, failing=False)
    try:
        kurs = Kurs(chosen.database, rows, {})
        with kurs:
            small, large, stored = _both(console, kurs, rows, chosen)
            complaints = kurs.complaints()
    except (StackError, LoadError, GatewayError, OSError) as error:
        print(f"growth: {error}", file=sys.stderr)
        return 2
    except Interrupted as interrupted:
        print("growth: interrupted; everything is stopped", file=sys.stderr)
        return interrupted.exit_code
    console.print(_table(kurs.name, small, large))
    console.print(stored)
    for complaint in complaints:
        print(f"growth: {complaint}", file=sys.stderr)
    return 1 if complaints else 0


def _both(
    console: Console, kurs: Kurs, rows: Sequence[Row], chosen: argparse.Namespace
) -> tuple[Measured, Measured, Table]:
    driver = PythonDriver(rows)
    small = measure(console, kurs, driver, rows, chosen.seconds, 0)
    copies = max(1, chosen.payments // small.payments)
    for name in _NAMES:
        kurs.stack.kill(name)
    urls = {service: kurs.stack.database_url(service) for service in TABLES}
    before = run_interruptible(sizes(urls))
    with track(console, "rows", copies * len(TABLES)) as progress:
        paid = run_interruptible(_fill(kurs, copies, progress.step))
    stored = storage_table(before, run_interruptible(sizes(urls)), paid * copies)
    run_interruptible(follow({name: kurs.stack.owner_url(name) for name in FOLLOWING}))
    large = measure(console, kurs, driver, rows, chosen.seconds, paid * (copies + 1))
    return small, large, stored


async def _fill(kurs: Kurs, copies: int, done: Progress) -> int:
    """Return how many payments a copy has."""
    rows: dict[str, int] = {}
    for service in TABLES:
        database = Database.open(kurs.stack.owner_url(service), limits=UNHURRIED)
        try:
            rows[service] = await fill(database, service, copies, done)
        finally:
            await database.close()
    return rows["payments"]


def _table(name: str, small: Measured, large: Measured) -> Table:
    table = Table("what", f"{small.payments:,}", f"{large.payments:,}", "ratio", title=name)

    def add(what: str, one: float, other: float, unit: str) -> None:
        ratio = f"{other / one:.2f}" if one else "-"
        table.add_row(what, f"{one:.2f} {unit}", f"{other:.2f} {unit}", ratio)

    def add_cpu(what: str, one: Cpu, other: Cpu, unit: str) -> None:
        add(what, sum(one.values()), sum(other.values()), unit)
        for process in one:
            add(f"  {process}", one[process], other[process], unit)

    add_cpu("CPU of a payment", small.cpu_ms, large.cpu_ms, "ms")
    add_cpu("CPU at rest", small.resting_ms, large.resting_ms, "ms/s")
    add("a payment, p95", small.pay.p95, large.pay.p95, "ms")
    for question, before in small.asked.items():
        add(f"{question}, p50", before.p50, large.asked[question].p50, "ms")
    add("start", small.start_seconds, large.start_seconds, "s")
    return table


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make growth", description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument(
        "--payments", type=count_from(1), default=100_000, help="stored payments to reach"
    )
    parser.add_argument("--seconds", type=amount_in, default=5.0, help="of load, for each size")
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""What the gateway costs at the size that it has: a payment, each read, rest, the start."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from rich.console import Console

from devstack.interrupts import run_interruptible
from devstack.topology import SERVICES
from loadtest.bench.load import Driver, LoadError
from loadtest.bench.systems import Kurs
from loadtest.client import GatewayClient
from loadtest.growth.reads import ask, questions
from loadtest.measures import Latency
from loadtest.progress import track
from loadtest.rows import Row

_NAMES = [service.name for service in SERVICES]
_CLIENTS = 64
_LOOKS = 60
_LOOK_SECONDS = 5.0
_LEVEL = 0.9
"""A look that takes more than this share of the one before it has come to rest."""

Cpu = Mapping[str, float]
"""CPU by process."""


class Measured(NamedTuple):
    """What one size costs.

    `cpu_ms` is milliseconds of CPU a payment and `resting_ms` milliseconds a second without any
    load, both by process; `asked` holds the latency of each question.
    """

    payments: int
    cpu_ms: Cpu
    resting_ms: Cpu
    pay: Latency
    asked: Mapping[str, Latency]
    start_seconds: float


def measure(
    console: Console, kurs: Kurs, driver: Driver, rows: Sequence[Row], seconds: float, stored: int
) -> Measured:
    """Start the services anew, let them come to rest, and measure; `stored` payments are there.

    Raises LoadError when a payment was not captured, or when they do not come to rest.
    """
    began = time.perf_counter()
    kurs.stack.restart(*_NAMES)
    started = time.perf_counter() - began
    run = f"at-{stored}"
    driver.drive(kurs.gateway, kurs.api_key(), _CLIENTS, seconds / 2, f"{run}-warm")
    resting = _rest(console, kurs)
    before = kurs.cpu_seconds()
    load = driver.drive(kurs.gateway, kurs.api_key(), _CLIENTS, seconds, run)
    if load.wrong:
        raise LoadError(f"{load.wrong} payments were not captured: {load.first_wrong}")
    spent = {
        name: (until - before[name]) * 1000 / load.payments
        for name, until in kurs.cpu_seconds().items()
    }
    asked = run_interruptible(_ask(kurs, f"{run}-0", rows[0].source_account))
    return Measured(stored + load.payments, spent, resting, load.latency, asked, started)


def _rest(console: Console, kurs: Kurs) -> Cpu:
    """Wait until nobody catches up any more, and return what is spent then.

    Followers of the ledger and of events have not seen rows that were copied. At rest is what takes
    no less than a tenth of the last look before it did.
    """
    last = float("inf")
    with track(console, "looks until rest", _LOOKS) as progress:
        for _ in range(_LOOKS):
            found = _look(kurs)
            progress.step()
            spent = sum(found.values())
            if spent > last * _LEVEL:
                return found
            last = spent
    raise LoadError(f"after {_LOOKS * _LOOK_SECONDS:.0f} s the services still catch up")


def _look(kurs: Kurs) -> Cpu:
    before = kurs.cpu_seconds()
    began = time.perf_counter()
    time.sleep(_LOOK_SECONDS)
    passed = time.perf_counter() - began
    return {
        name: (until - before[name]) * 1000 / passed for name, until in kurs.cpu_seconds().items()
    }


async def _ask(kurs: Kurs, payment_id: str, account_id: str) -> Mapping[str, Latency]:
    ago = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    async with GatewayClient(kurs.gateway, kurs.api_key(), 1) as client:
        return await ask(client, questions(payment_id, account_id, ago))

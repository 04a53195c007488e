"""What destinations cost payments: its CPU a payment with some and with none, in turns of one run.

Payments come at one rate in all turns, so that batches are as large. Each turn has destinations of
its own, so that what one has left over is no part of the next.
"""

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from api_gateway.keys import DEV_MERCHANT
from devstack.errors import StackError
from devstack.interrupts import run_interruptible
from devstack.ports import LOOPBACK
from devstack.stack import DatabaseKind
from devstack.topology import service_of
from kurs.edges.table import PAYMENTS
from loadtest.bench.systems import Kurs
from loadtest.client import GatewayClient
from loadtest.dummygen import generate
from loadtest.rows import Row
from loadtest.webhooks.destinations import Sent, replace_destinations

_PAYERS, _PAYMENTS, _SEED = 64, 640, 7
_AT_ONCE = 64
_WARM_UP_SECONDS = 3.0
_REST_SECONDS = 2.0
"""What was paid last is read by webhooks within that."""
_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Terms:
    """So many destinations, `turns` of `seconds` with and as many without, `rate` payments/s."""

    destinations: int
    turns: int
    seconds: float
    rate: float
    database: DatabaseKind


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU milliseconds of payments a payment, by turn, without destinations and with them."""

    without: Sequence[float]
    with_some: Sequence[float]

    @property
    def ratio(self) -> float:
        """How many times as much it is with destinations: the median of the turns."""
        pairs = zip(self.with_some, self.without, strict=True)
        return statistics.median(some / none for some, none in pairs)


def cost(terms: Terms) -> Cost:
    """Run the whole gateway; raises StackError and GatewayError, also when payments fail."""
    rows = generate(_PAYMENTS, _SEED, accounts=_PAYERS, failing=False)
    without: list[float] = []
    with_some: list[float] = []
    with _receiver() as port, Kurs(terms.database, rows, {}) as system:
        assert isinstance(system, Kurs)
        measured = _Measured(system, rows, terms, port)
        measured.pay(_WARM_UP_SECONDS, "warm-up")
        for turn in range(terms.turns):
            # In turns the other way round, so that neither always comes second.
            order = ((without, 0), (with_some, terms.destinations))
            for spent, destinations in order if turn % 2 == 0 else reversed(order):
                spent.append(measured.turn(f"t{turn}-{destinations}", destinations))
    return Cost(without, with_some)


@dataclass(frozen=True, slots=True)
class _Measured:
    system: Kurs
    rows: Sequence[Row]
    terms: Terms
    port: int

    def turn(self, name: str, destinations: int) -> float:
        """Return the CPU milliseconds of payments a payment, beside so many destinations."""
        self._place(name, destinations)
        run_interruptible(self._known(destinations))
        before = self._spent()
        paid = self.pay(self.terms.seconds, name)
        time.sleep(_REST_SECONDS)
        return (self._spent() - before) * 1000 / paid

    def pay(self, seconds: float, run: str) -> int:
        """Pay for so long; return how many payments were made."""
        return run_interruptible(self._pay(seconds, run))

    async def _pay(self, seconds: float, run: str) -> int:
        begun, number = time.perf_counter(), 0
        async with self._client() as client, asyncio.TaskGroup() as paying:
            while (due := number / self.terms.rate) < seconds:
                await asyncio.sleep(max(0.0, begun + due - time.perf_counter()))
                paying.create_task(self._pay_once(client, f"{run}-{number}", number))
                number += 1
        return number

    async def _pay_once(self, client: GatewayClient, name: str, number: int) -> None:
        row = self.rows[number % len(self.rows)]
        body = {
            "payment_id": name,
            "amount": row.amount,
            "currency": row.currency,
            "source_account": row.source_account,
            "destination_account": row.destination_account,
        }
        status = (await client.post("/payments", body)).text("status")
        if status != "CAPTURED":
            raise StackError(f"payment {name} is {status}, and not captured")

    def _place(self, name: str, destinations: int) -> None:
        url = f"http://{LOOPBACK}:{self.port}/"
        sent = {f"{name}-{number}": Sent(DEV_MERCHANT, url) for number in range(destinations)}
        replace_destinations(self.system.stack.folder, sent)

    async def _known(self, destinations: int) -> None:
        """Wait until webhooks sends to so many."""
        deadline = time.perf_counter() + _PATIENCE_SECONDS
        async with self._client() as client:
            while True:
                items = (await client.get("/event-destinations")).document["items"]
                if len(items) == destinations and all(i["reason"] != "Unknown" for i in items):
                    return
                if time.perf_counter() > deadline:
                    raise StackError(f"webhooks knows {len(items)} of {destinations} destinations")
                await asyncio.sleep(0.2)

    def _client(self) -> GatewayClient:
        return GatewayClient(self.system.gateway, self.system.api_key(), _AT_ONCE)

    def _spent(self) -> float:
        spent = self.system.cpu_seconds().items()
        return sum(seconds for name, seconds in spent if service_of(name) == PAYMENTS)


@contextmanager
def _receiver() -> Iterator[int]:
    process = subprocess.Popen(
        [sys.executable, "-m", "loadtest.webhooks.taking"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait(_PATIENCE_SECONDS)

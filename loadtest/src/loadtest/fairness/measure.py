"""One merchant's payments, alone and under each of another's floods, in turns."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

from loadtest.client import GatewayClient, GatewayError
from loadtest.measures import Latency, latency

FLOODS: Mapping[str, str] = {
    "payments": "64 connections pay as fast as they can",
    "bodies": "1,024 connections send one byte of a body",
    "streams": "256 connections follow payments",
    "strangers": "64 connections ask with a wrong key as fast as they can",
}
ACCOUNTS = ("CALM-A", "CALM-B")
_FUNDS = "100000"
_PAUSE_SECONDS = 0.05
"""Between an answer and the same client's next payment."""
_FLOOD_SECONDS = 1.0
"""For a flood to be there before the others' payments are measured."""
_END_SECONDS = 20.0


@dataclass(slots=True)
class Times:
    """Seconds of the calm merchant's payments, and those that were not captured."""

    seconds: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def latency(self) -> Latency:
        """Return the percentiles, in milliseconds."""
        return latency(self.seconds)


@dataclass(frozen=True, slots=True)
class Case:
    """One flood: the calm merchant's times without and with it, and the flood's own answers."""

    flood: str
    alone: Times
    under: Times
    answers: Mapping[str, float]
    """A second, by HTTP status."""

    @property
    def ratio(self) -> float:
        """How many times as long p95 is under the flood."""
        alone = self.alone.latency().p95
        return self.under.latency().p95 / alone if alone else 0.0


class Calm:
    """A merchant with a few clients that pay, wait a moment, and pay again."""

    def __init__(self, client: GatewayClient, clients: int) -> None:
        self._client = client
        self._clients = clients
        self._numbers = count()

    async def prepare(self) -> None:
        """Open and fund the accounts; raises GatewayError."""
        source = ACCOUNTS[0]
        await self._client.post("/accounts", [{"account_id": name} for name in ACCOUNTS])
        deposit = {"deposit_id": "CALM", "account_id": source, "currency": "USD", "amount": _FUNDS}
        await self._client.post("/deposits", deposit)

    async def pay(self, seconds: float, times: Times) -> None:
        """Pay for so long, and add what it took."""
        until = time.perf_counter() + seconds
        await asyncio.gather(*(self._pay(until, times) for _ in range(self._clients)))

    async def _pay(self, until: float, times: Times) -> None:
        while (began := time.perf_counter()) < until:
            try:
                answer = await self._client.post("/payments", self._payment())
                status = answer.text("status")
            except GatewayError as error:
                status = str(error)
            times.seconds.append(time.perf_counter() - began)
            if status != "CAPTURED":
                times.wrong.append(status)
            await asyncio.sleep(_PAUSE_SECONDS)

    def _payment(self) -> dict[str, str]:
        return {
            "payment_id": f"calm-{next(self._numbers)}",
            "amount": "1.00",
            "currency": "USD",
            "source_account": ACCOUNTS[0],
            "destination_account": ACCOUNTS[1],
        }


async def measure(
    calm: Calm, kind: str, gateway: str, flood_key: str, *, turns: int, seconds: float
) -> Case:
    """Measure the calm merchant alone and under a flood, so many turns of each."""
    alone, under = Times(), Times()
    answers: Counter[str] = Counter()
    for _ in range(turns):
        await calm.pay(seconds, alone)
        with _flood(kind, gateway, flood_key, answers):
            await asyncio.sleep(_FLOOD_SECONDS)
            await calm.pay(seconds, under)
    flooded = turns * (seconds + _FLOOD_SECONDS)
    return Case(kind, alone, under, {s: n / flooded for s, n in sorted(answers.items())})


@contextmanager
def _flood(kind: str, gateway: str, key: str, answers: Counter[str]) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", "loadtest.fairness.floods", kind, gateway],
        env={**os.environ, "API_KEY": key},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield
    finally:
        process.terminate()
        output, _ = process.communicate(timeout=_END_SECONDS)
    answers.update(json.loads(output or "{}"))

"""Keeps a gateway busy as a shop would: payments at a rate, holds, captures, voids, refunds.

Some holds are left to run out. It goes on until it is told to end, and through outages: what the
gateway cannot do now is tried again, and what it refuses is left.
"""

import asyncio
from collections.abc import Iterator, Sequence
from itertools import count

from kurs.kernel.clock import monotonic
from loadtest.client import GatewayClient, GatewayError
from loadtest.expectations import CAPTURED
from loadtest.preparation import Funding, prepare
from loadtest.replay import renamed
from loadtest.rows import Row

_AT_ONCE = 8
_HELD, _GIVEN_BACK = 5, 7
"""Of so many payments one is held first, and one is given back."""


async def live(client: GatewayClient, rows: Sequence[Row], *, rate: float, run: str) -> None:
    """Pay `rows` again and again, `rate` a second, as new payments whose ids begin with `run`."""
    numbered = enumerate(_endless(rows, run))
    next_at = monotonic()

    async def work() -> None:
        nonlocal next_at
        for number, (name, row) in numbered:
            next_at = max(next_at, monotonic()) + 1 / rate
            await asyncio.sleep(next_at - monotonic())
            try:
                if number % len(rows) == 0:
                    await prepare(client, rows, Funding(name))
                await _pay(client, row, number)
            except GatewayError:
                continue

    await asyncio.gather(*(work() for _ in range(_AT_ONCE)))


def _endless(rows: Sequence[Row], run: str) -> Iterator[tuple[str, Row]]:
    for turn in count():
        name = f"{run}{turn}"
        for row in renamed(rows, name):
            yield name, row


async def _pay(client: GatewayClient, row: Row, number: int) -> None:
    if number % _HELD == 0:
        await _hold(client, row, number // _HELD)
        return
    result = await client.pay(row)
    if number % _GIVEN_BACK == 0 and result.outcome == CAPTURED:
        path = f"/payments/{row.payment_id}/refunds"
        await client.post(path, {"amount": row.amount}, key=f"back-{row.payment_id}")


async def _hold(client: GatewayClient, row: Row, number: int) -> None:
    """Hold a payment; of three one is captured, one voided, and one left until it runs out."""
    held = {
        "payment_id": row.payment_id,
        "amount": row.amount,
        "currency": row.currency,
        "source_account": row.source_account,
        "destination_account": row.destination_account,
        "capture": "manual",
        "description": "held first",
    }
    await client.post("/payments", held, key=row.payment_id)
    action = ("capture", "void", "")[number % 3]
    if action:
        await asyncio.sleep(2)
        await client.post(f"/payments/{row.payment_id}/{action}", {})

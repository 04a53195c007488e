"""Keeps a gateway busy as a shop would: payments, holds, captures, voids, refunds and reviews.

Some holds and reviews are left to run out. It goes on until it is told to end, and through outages:
what the gateway cannot do now is tried again, and what it refuses is left.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import count

from kurs.kernel.money import exponent, format_amount
from loadtest.catalogue import CURRENCIES
from loadtest.client import GatewayClient, GatewayError
from loadtest.expectations import CAPTURED, expected
from loadtest.pace import Pace
from loadtest.preparation import Funding, prepare
from loadtest.rows import PaymentFileError, Row, renamed

_AT_ONCE = 8
_HELD, _GIVEN_BACK, _REVIEWED = 5, 7, 23
"""Of so many payments one is held first, one is given back, and one is looked at by a person."""
_THINKING_SECONDS = 2.0
_REVIEWED_EUROS = 25_000.0
"""Worth of a payment for review: above that limit of k8s/samples, far below the next one."""
_PER_EURO = {currency.code: currency.per_euro for currency in CURRENCIES}


async def live(client: GatewayClient, rows: Sequence[Row], *, rate: float, run: str) -> None:
    """Pay `rows` again and again, `rate` a second, as new payments whose ids begin with `run`.

    Raises GatewayError when the first turn's accounts cannot be opened and funded, PaymentFileError
    without rows.
    """
    if not rows:
        raise PaymentFileError("there is no payment in it to make again and again")
    rows, pace = with_reviews(rows), Pace(rate)
    await prepare(client, rows, Funding(f"{run}0"))
    for turn in count():
        await _pay_all(client, renamed(rows, f"{run}{turn}"), pace)
        await _fund(client, rows, Funding(f"{run}{turn + 1}"))


def with_reviews(rows: Sequence[Row]) -> list[Row]:
    """Return the rows, some of them so large that a person must look at them."""
    return [
        _large(row) if number % _REVIEWED == 0 and _may_be_large(row) else row
        for number, row in enumerate(rows, 1)
    ]


def _may_be_large(row: Row) -> bool:
    return row.currency in _PER_EURO and expected(row) == CAPTURED


def _large(row: Row) -> Row:
    minor = round(_REVIEWED_EUROS * _PER_EURO[row.currency] * 10 ** exponent(row.currency))
    return replace(row, amount=format_amount(minor, row.currency))


async def _fund(client: GatewayClient, rows: Sequence[Row], funding: Funding) -> None:
    while True:
        try:
            return await prepare(client, rows, funding)
        except GatewayError:
            await asyncio.sleep(_THINKING_SECONDS)


async def _pay_all(client: GatewayClient, rows: Sequence[Row], pace: Pace) -> None:
    waiting = enumerate(rows, 1)

    async def work() -> None:
        for number, row in waiting:
            await pace.turn()
            try:
                await _pay(client, row, number)
            except GatewayError:
                continue

    await asyncio.gather(*(work() for _ in range(_AT_ONCE)))


async def _pay(client: GatewayClient, row: Row, number: int) -> None:
    if number % _REVIEWED == 0:
        await client.pay(row)
        # Of three one is approved, one refused, and one left until its time is over.
        await _decide(client, row, ("", "approve", "refuse")[number // _REVIEWED % 3])
    elif number % _HELD == 0:
        held = {**asdict(row), "capture": "manual", "description": "held first"}
        await client.post("/payments", held, key=row.payment_id)
        await _decide(client, row, ("", "capture", "void")[number // _HELD % 3])
    else:
        result = await client.pay(row)
        if number % _GIVEN_BACK == 0 and result.outcome == CAPTURED:
            path = f"/payments/{row.payment_id}/refunds"
            await client.post(path, {"amount": row.amount}, key=f"back-{row.payment_id}")


async def _decide(client: GatewayClient, row: Row, action: str) -> None:
    if action:
        await asyncio.sleep(_THINKING_SECONDS)
        await client.post(f"/payments/{row.payment_id}/{action}", {})

"""What is read of open holds across currencies, on both databases."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from kurs.data.database import Database
from kurs.data.migrations import migrate
from payments.domain.beginning import Started
from payments.domain.identity import operation_id
from payments.domain.moves import Kind, Status
from payments.domain.operation import Answer, Operation
from payments.domain.payment import Payment
from payments.migrations import VERSIONS
from payments.store.exposure import Horizon, about_to_open, added, held_open
from payments.store.ops import Claim, Finish
from payments.store.writes import apply

HORIZON = Horizon(now=100, until=1_000)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    await asyncio.to_thread(migrate, database_url, VERSIONS)
    opened = Database.open(database_url)
    yield opened
    await opened.close()


def claim(name: str, merchant: str = "shop", **more: Any) -> Claim:
    terms = {"amount": 1000, "currency": "USD", "capture": "manual", **more}
    payment = Payment(
        merchant, name, source_account="a", destination_account="b", created_at=1, updated_at=1,
        **terms,
    )  # fmt: skip
    own = operation_id(Kind.PAY, payment)
    operation = Operation(own, payment.uid, Kind.PAY, f"p:{own}", "f", 1000, merchant, 1, 9)
    return Claim(replace(payment, active_operation=own), operation)


def hold(started: Started, bought: str, until: int, status: Status = Status.AUTHORIZED) -> Finish:
    after = started.payment.move(
        status, at=2, destination_currency=bought, hold_expires_at=until, quote="token"
    )
    return Finish(started.payment, after, started.operation, Answer(200, b"{}"), "paid")


async def begin(database: Database, *claims: Claim) -> list[Started]:
    begun = await database.write(lambda c: apply(c, list(claims)))
    return [started for started in begun if isinstance(started, Started)]


async def test_open_holds_across_currencies_are_summed_by_currency(database: Database) -> None:
    names = ("open", "rupiah", "review", "same", "over", "theirs")
    more: dict[str, Any] = {"rupiah": {"currency": "IDR", "amount": 2**63 - 1}}
    more["theirs"] = {"merchant": "other"}
    begun = await begin(database, *(claim(name, **more.get(name, {})) for name in names))
    ends = {"over": 99}
    finishes = [
        hold(
            started, {"same": "USD", "rupiah": "JPY"}.get(name, "IDR"), ends.get(name, 500),
            Status.REVIEW if name == "review" else Status.AUTHORIZED,
        )
        for name, started in zip(names, begun, strict=True)
    ]  # fmt: skip
    await database.write(lambda c: apply(c, finishes))

    mine = await database.read(lambda c: held_open(c, HORIZON, "shop"))
    everybodys = await database.read(lambda c: held_open(c, HORIZON))

    assert mine == {"USD": 2000, "IDR": 2**63 - 1}
    assert everybodys == {"USD": 3000, "IDR": 2**63 - 1}
    assert added(mine, mine) == {"IDR": 2**64 - 2, "USD": 4000}


async def test_what_is_being_authorized_counts_until_it_has_an_outcome(
    database: Database,
) -> None:
    first, *_ = await begin(
        database,
        claim("unknown"),
        claim("crossing", destination_currency="IDR", amount=5),
        claim("within", destination_currency="USD"),
        claim("at-once", capture="automatic"),
        claim("theirs", merchant="other"),
    )
    assert await database.read(lambda c: about_to_open(c, "shop")) == {"USD": 1005}

    await database.write(lambda c: apply(c, [hold(first, "IDR", 500)]))
    assert await database.read(lambda c: about_to_open(c, "shop")) == {"USD": 5}

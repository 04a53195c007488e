"""What is read of open holds across currencies, on both databases."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Connection
from sqlalchemy.event import listen
from sqlalchemy.util import await_only

import payments.flow.exposure
from kurs.data.database import Database
from kurs.data.migrations import migrate
from kurs_testing.clock import ManualClock
from payments.domain.beginning import Started
from payments.domain.identity import operation_id
from payments.domain.moves import Kind, Status
from payments.domain.operation import Answer, Operation
from payments.domain.payment import Payment
from payments.domain.refunds import Rate, Refund
from payments.flow.exposure import ExposureReader
from payments.migrations import VERSIONS
from payments.settings import PaymentsSettings
from payments.store.exposure import (
    Horizon,
    about_to_give_back,
    about_to_open,
    added,
    given_back,
    held_open,
)
from payments.store.ops import Begin, Claim, Finish
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


async def begin_refund(database: Database, paid: Payment, name: str, amount: int) -> Started:
    operation = Operation(
        operation_id(Kind.REFUND, paid, name), paid.uid, Kind.REFUND, f"r:{paid.uid}:{name}", "f",
        amount, "shop", 1, 9,
    )  # fmt: skip
    [begun] = await database.write(lambda c: apply(c, [Begin(operation)]))
    assert isinstance(begun, Started), begun
    return begun


def refunded(begun: Started, at: int, *, old_rate: bool = True) -> Finish:
    total = begun.payment.refunded_amount + begun.operation.amount
    after = begun.payment.move(Status.PARTIALLY_REFUNDED, at=at, refunded_amount=total)
    return Finish(
        begun.payment, replace(after, active_operation=None), begun.operation,
        Answer(200, b"{}"), "refund", Refund(0, Rate.PAYMENT if old_rate else Rate.PRESENT, None),
    )  # fmt: skip


async def refund(
    database: Database, paid: Payment, name: str, amount: int, at: int, *, old_rate: bool = True
) -> None:
    """Begin a refund of a captured payment, and record its outcome."""
    ended = refunded(await begin_refund(database, paid, name, amount), at, old_rate=old_rate)
    await database.write(lambda c: apply(c, [ended]))


async def captured(database: Database, name: str, bought: str, **more: Any) -> Payment:
    [started] = await begin(database, claim(name, capture="automatic", **more))
    after = started.payment.move(
        Status.CAPTURED, at=2, destination_currency=bought, captured_amount=started.payment.amount
    )
    after = replace(after, active_operation=None)
    ended = Finish(started.payment, after, started.operation, Answer(200, b"{}"), "paid")
    await database.write(lambda c: apply(c, [ended]))
    return after


async def test_what_went_back_at_rates_of_payments_is_summed_for_a_while(
    database: Database,
) -> None:
    paid = await captured(database, "paid", "IDR")
    large = {"currency": "IDR", "amount": 2**63 - 1}
    rupiah = [await captured(database, f"large-{n}", "USD", **large) for n in range(2)]
    theirs = await captured(database, "theirs", "IDR", merchant="other")
    for payment, name, amount, at in (
        (paid, "old", 100, 50), (paid, "one", 200, 150), (paid, "two", 300, 200),
        (rupiah[0], "all", 2**63 - 2, 150), (rupiah[1], "all", 2**63 - 2, 150),
        (theirs, "one", 500, 150),
    ):  # fmt: skip
        await refund(database, payment, name, amount, at)
    await refund(database, paid, "present", 400, 150, old_rate=False)

    assert await database.read(lambda c: given_back(c, 100, "shop")) == {
        "USD": 500, "IDR": 2**64 - 4,
    }  # fmt: skip
    assert await database.read(lambda c: given_back(c, 200, "shop")) == {}
    everybodys = await database.read(lambda c: given_back(c, 100))
    assert everybodys == {"USD": 1000, "IDR": 2**64 - 4}


async def test_what_is_being_refunded_counts_until_it_has_an_outcome(database: Database) -> None:
    crossing = await captured(database, "crossing", "IDR")
    within = await captured(database, "within", "USD")
    await begin_refund(database, crossing, "r1", 70)
    await begin_refund(database, within, "r1", 50)

    assert await database.read(lambda c: about_to_give_back(c, "shop")) == {"USD": 70}
    assert await database.read(lambda c: about_to_give_back(c, "other")) == {}


async def test_what_all_merchants_were_given_back_is_summed_now_and_then(
    database: Database,
) -> None:
    paid = await captured(database, "paid", "IDR")
    clock = ManualClock()
    exposure = ExposureReader(database, PaymentsSettings(), clock)
    await refund(database, paid, "one", 100, clock.now())
    assert await exposure.refunds_of_all() == {"USD": 100}

    await refund(database, paid, "two", 50, clock.now())
    assert await exposure.refunds_of_all() == {"USD": 100}
    assert await exposure.of_merchant("shop") == {"USD": 150}
    clock.advance(seconds=30)
    assert await exposure.refunds_of_all() == {"USD": 150}
    clock.advance(seconds=24 * 3600)
    assert await exposure.refunds_of_all() == {}
    assert await exposure.of_merchant("shop") == {}


@pytest.mark.postgres
@pytest.mark.parametrize(
    "pair", [("held_open", "about_to_open"), ("given_back", "about_to_give_back")]
)
async def test_an_outcome_while_it_is_read_is_never_missed(
    postgres_url: str, pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each statement sees what was committed before it, so what is pending is read first."""
    await asyncio.to_thread(migrate, postgres_url, VERSIONS)
    database, clock = Database.open(postgres_url), ManualClock()
    if pair[0] == "held_open":
        [begun] = await begin(database, claim("paid", destination_currency="IDR", amount=70))
        ending = [hold(begun, "IDR", clock.now() + 1)]
    else:
        begun = await begin_refund(database, await captured(database, "paid", "IDR"), "r1", 70)
        ending = [refunded(begun, clock.now())]

    for name in pair:
        read = getattr(payments.flow.exposure, name)

        def then_it_ends(*asked: Any, read: Any = read) -> Any:
            found = read(*asked)
            if ending:
                outcome = ending.pop()
                await_only(database.write(lambda c: apply(c, [outcome])))
            return found

        monkeypatch.setattr(payments.flow.exposure, name, then_it_ends)

    counted = await ExposureReader(database, PaymentsSettings(), clock).of_merchant("shop")

    await database.close()
    assert not ending
    assert counted.get("USD", 0) >= 70


async def test_what_all_merchants_hold_open_is_summed_now_and_then(database: Database) -> None:
    clock = ManualClock()
    exposure = ExposureReader(database, PaymentsSettings(), clock)
    assert await exposure.of_all() == {}
    begun = await begin(database, claim("paid", destination_currency="IDR", amount=70))
    outcome = hold(begun[0], "IDR", clock.now() + 60_000_000)
    await database.write(lambda c: apply(c, [outcome]))

    assert await exposure.of_all() == {}
    clock.advance(seconds=30)
    assert await exposure.of_all() == {"USD": 70}


async def test_a_merchants_holds_are_summed_by_the_database_and_by_their_index(
    database: Database,
) -> None:
    """Each payment asks: what all others hold, and every row of one's own, cost too much."""

    def ask(connection: Connection) -> tuple[str, int]:
        asked: list[tuple[Any, ...]] = []
        listen(connection, "before_cursor_execute", lambda *told: asked.append(told[2:4]))
        assert held_open(connection, HORIZON, "shop") == {"USD": 40_000}
        [(statement, bound)] = asked
        rows = connection.exec_driver_sql(statement, bound).all()
        if connection.dialect.name == "postgresql":
            # Its plan depends on how many there are, and there are few.
            return "", len(rows)
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", bound).all()
        return str(plan), len(rows)

    # Most have no hold (any more), and most holds are others'.
    begun = await begin(
        database, *(claim(f"p{n}", merchant="shop" if n < 340 else f"m{n}") for n in range(500))
    )
    held = [hold(started, "IDR", 500) for started in begun[300:]]
    await database.write(lambda c: apply(c, held))

    plan, rows = await database.read(ask)

    assert rows == 1
    assert database.dialect == "postgresql" or "ix_payments_crossing" in plan

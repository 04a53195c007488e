"""Outcomes that come after somebody else's: told so one by one, and the rest of the batch holds."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from kurs.data.database import Database
from kurs.data.migrations import migrate
from payments.domain.beginning import InProgress, Started
from payments.domain.identity import operation_id
from payments.domain.moves import Kind, Status
from payments.domain.operation import Answer, Operation
from payments.domain.payment import Payment
from payments.migrations import VERSIONS
from payments.store import reads
from payments.store.events import events_after
from payments.store.leases import Terms, take_over
from payments.store.ops import Begin, Claim, Finish, VersionConflict
from payments.store.writes import apply

TERMS = Terms(now=10, lease_until=99, rest_until=999, most_failures=9)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    await asyncio.to_thread(migrate, database_url, VERSIONS)
    opened = Database.open(database_url)
    yield opened
    await opened.close()


def claim(name: str) -> Claim:
    payment = Payment("shop", name, 1000, "USD", "a", "b", created_at=1, updated_at=1)
    own = operation_id(Kind.PAY, payment)
    operation = Operation(own, payment.uid, Kind.PAY, f"p:{own}", "f", 1000, "shop", 1, 9)
    return Claim(replace(payment, active_operation=own), operation)


def outcome(started: Started, by: str, status: Status = Status.CAPTURED) -> Finish:
    captured = 1000 if status is Status.CAPTURED else 0
    after = started.payment.move(status, at=2, captured_amount=captured)
    return Finish(started.payment, after, started.operation, Answer(200, by.encode()), by)


async def begin(database: Database, names: list[str]) -> list[Started]:
    begun = await database.write(lambda c: apply(c, [claim(name) for name in names]))
    return [started for started in begun if isinstance(started, Started)]


async def test_a_late_outcome_is_told_so_alone(database: Database) -> None:
    started = await begin(database, ["p1", "p2", "p3"])
    await database.write(lambda c: apply(c, [outcome(started[1], "first")]))

    results = await database.write(lambda c: apply(c, [outcome(s, "second") for s in started]))

    assert [type(result) for result in results] == [type(None), VersionConflict, type(None)]
    for each, told in zip(started, (b"second", b"first", b"second"), strict=True):
        name = each.operation.operation_id
        stored = await database.read(lambda c, name=name: reads.find_operation(c, name))
        assert stored is not None
        assert stored.answer == Answer(200, told)


async def test_the_same_outcome_twice_in_a_batch_is_recorded_once(database: Database) -> None:
    started = await begin(database, ["p1", "p2"])
    batch = [outcome(started[0], "first"), outcome(started[1], "x"), outcome(started[0], "again")]

    results = await database.write(lambda c: apply(c, batch))

    assert [type(result) for result in results] == [type(None), type(None), VersionConflict]
    events = await database.read(lambda c: events_after(c, "shop", 0, 10))
    assert [(e.payment.payment_id, e.cause) for e in events] == [
        ("p1", "requested"), ("p2", "requested"), ("p1", "first"), ("p2", "x"),
    ]  # fmt: skip


async def test_a_payment_that_changed_without_an_answer_fails_the_outcome(
    database: Database,
) -> None:
    (started,) = await begin(database, ["p1"])
    stale = replace(started, payment=replace(started.payment, version=7))

    with pytest.raises(VersionConflict):
        await database.write(lambda c: apply(c, [outcome(stale, "first")]))


async def test_who_was_taken_over_from_can_record_nothing(database: Database) -> None:
    slow, other = await begin(database, ["p1", "p2"])
    await database.write(lambda c: apply(c, [outcome(other, "in time")]))
    (taken,) = (await database.write(lambda c: take_over(c, TERMS))).started

    late = await database.write(lambda c: apply(c, [outcome(slow, "slow", Status.FAILED)]))
    assert [type(result) for result in late] == [VersionConflict]
    both = [outcome(slow, "slow", Status.FAILED), outcome(taken, "sweeper")]
    results = await database.write(lambda c: apply(c, both))
    assert [type(result) for result in results] == [VersionConflict, type(None)]

    name = taken.operation.operation_id
    stored = await database.read(lambda c: reads.find_operation(c, name))
    assert stored is not None
    assert stored.answer == Answer(200, b"sweeper")
    found = await database.read(lambda c: reads.find_payment(c, taken.payment.uid))
    assert found is not None
    assert found.payment.status == Status.CAPTURED


async def test_nobody_takes_over_twice(database: Database) -> None:
    await begin(database, ["p1", "p2"])

    first = await database.write(lambda c: take_over(c, TERMS))
    assert {taken.operation.attempts for taken in first.started} == {2}
    assert (await database.write(lambda c: take_over(c, TERMS))).started == []


async def test_a_step_beside_the_claim_of_its_payment_finds_that_in_progress(
    database: Database,
) -> None:
    void = Operation("void:shop:p1", "shop:p1", Kind.VOID, "k", "f", 0, "shop", 1, 9)
    got = await database.write(lambda c: apply(c, [Begin(void), claim("p1")]))
    assert [type(each) for each in got] == [InProgress, Started]

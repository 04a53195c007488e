"""A commit whose answer is lost: what it began is driven at once, and not after its lease."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

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
from payments.store.ops import Begin, Claim, Finish
from payments.store.writes import apply


@pytest.fixture
async def database(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    """A database that loses the answer to every second commit, the first among them."""
    await asyncio.to_thread(migrate, database_url, VERSIONS)
    opened = Database.open(database_url)
    # Below what tries again: that is what is tried here.
    run, commits = opened._run_write, 0  # noqa: SLF001

    async def run_and_lose(*arguments: Any) -> Any:
        nonlocal commits
        done = await run(*arguments)
        commits += 1
        if commits % 2:
            raise ConnectionResetError("the server went away")
        return done

    monkeypatch.setattr(opened, "_run_write", run_and_lose)
    yield opened
    await opened.close()


def claim(name: str, *, created_at: int = 1) -> Claim:
    payment = Payment("shop", name, 1000, "USD", "a", "b", created_at=1, updated_at=1)
    own = operation_id(Kind.PAY, payment)
    operation = Operation(
        own, payment.uid, Kind.PAY, f"p:{own}", "f", 1000, "shop", created_at, created_at + 8
    )
    return Claim(replace(payment, active_operation=own), operation)


async def test_what_it_began_is_driven_by_who_began_it(database: Database) -> None:
    claims = [claim("p1"), claim("p2"), claim("p1")]
    begun = await database.write(lambda c: apply(c, claims))
    assert [type(each) for each in begun] == [Started, Started, InProgress]
    first = begun[0]
    assert isinstance(first, Started)
    # Whoever drives it now holds a newer version than a driver before him could.
    assert (first.fresh, first.payment.version, first.operation.attempts) == (False, 2, 2)


async def test_the_same_that_another_asks_for_is_in_progress(database: Database) -> None:
    await database.write(lambda c: apply(c, [claim("p1")]))
    begun = await database.write(lambda c: apply(c, [claim("p1", created_at=2)]))
    assert begun == [InProgress()]


async def test_a_step_on_a_payment_goes_on_alike(database: Database) -> None:
    (started,) = await database.write(lambda c: apply(c, [claim("p1")]))
    assert isinstance(started, Started)
    held = started.payment.move(Status.AUTHORIZED, at=2)
    finish = Finish(started.payment, held, started.operation, Answer(200, b"{}"), "held")
    await database.write(lambda c: apply(c, [finish]))
    uid = started.payment.uid
    void = Operation(f"void:{uid}", uid, Kind.VOID, f"void:{uid}", "g", 0, "shop", 3, 11)

    begun = await database.write(lambda c: apply(c, [Begin(void)]))

    assert [type(each) for each in begun] == [Started]
    later = replace(void, created_at=4, lease_until=12)
    assert await database.write(lambda c: apply(c, [Begin(later)])) == [InProgress()]

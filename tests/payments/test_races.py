"""The same request at two processes at once: one of them does it, the other one is a repeat."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from sqlalchemy import Connection, event, select, text
from sqlalchemy.util import await_only
from tests.payments.test_late_outcomes import claim, outcome

from kurs.data.database import Database
from kurs.data.migrations import migrate
from payments.domain.beginning import InProgress, Started
from payments.domain.moves import Kind, Status
from payments.domain.operation import Operation
from payments.migrations import VERSIONS
from payments.store import leases
from payments.store.ops import Begin, Claim, Op
from payments.store.tables import operations
from payments.store.writes import Written, apply

pytestmark = pytest.mark.postgres
Results = list[Written | Exception]


@pytest.fixture
async def processes(postgres_url: str) -> AsyncIterator[list[Database]]:
    """Two pools of one database, as two processes have them."""
    await asyncio.to_thread(migrate, postgres_url, VERSIONS)
    opened = [Database.open(postgres_url) for _ in range(2)]
    yield opened
    for database in opened:
        await database.close()


async def write(database: Database, op: Op) -> Written | Exception:
    (result,) = await database.write(lambda connection: apply(connection, [op]))
    return result


async def race(processes: Sequence[Database], op: Claim | Begin, ends_as: Status) -> Results:
    """Apply `op` here, and there as soon as the first statement here has been answered.

    It goes on here when there the outcome is recorded, too, or a lock of this transaction is met.
    """
    here, there = processes
    other: list[asyncio.Task[Written | Exception]] = []

    async def done_there() -> Written | Exception:
        result = await write(there, op)
        if isinstance(result, Started):
            await write(there, outcome(result, "there", ends_as))
        return result

    def answered(*_: object) -> None:
        if not other:
            other.append(asyncio.get_running_loop().create_task(done_there()))
            await_only(_done_or_held_up(there, other[0]))

    def applied(connection: Connection) -> Results:
        event.listen(connection, "after_cursor_execute", answered)
        return apply(connection, [op])

    (result,) = await here.write(applied)
    return [result, await other[0]]


async def _done_or_held_up(there: Database, other: asyncio.Task[Written | Exception]) -> None:
    async with asyncio.timeout(60):
        while not other.done() and not await there.read(_waits_for_a_lock):
            await asyncio.wait([other], timeout=0.01)


def _waits_for_a_lock(connection: Connection) -> bool:
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    return bool(connection.execute(waiting).scalar())


async def test_a_payment_that_another_process_makes_meanwhile_is_no_taken_id(
    processes: list[Database],
) -> None:
    results = await race(processes, claim("p1"), Status.CAPTURED)

    assert sorted(type(result).__name__ for result in results) == ["Replay", "Started"]


async def test_an_operation_that_somebody_keeps_locked_holds_up_no_other_that_is_due(
    processes: list[Database],
) -> None:
    begun = [await write(processes[0], claim(payment)) for payment in ("p1", "p2")]
    left = [each.operation for each in begun if isinstance(each, Started)]
    now = left[0].lease_until - 1
    terms = leases.Terms(now, 2**61, 2**61, most_failures=100)
    locked, done = asyncio.Event(), asyncio.Event()

    def keep(connection: Connection) -> None:
        one = operations.c.uid == "shop:p1"
        connection.execute(select(operations).where(one).with_for_update()).one()
        locked.set()
        await_only(done.wait())

    def take_over(connection: Connection) -> leases.Taken:
        leases.give_back(connection, left, now)
        return leases.take_over(connection, terms)

    keeping = asyncio.create_task(processes[1].write(keep))
    await locked.wait()
    taken = await processes[0].write(take_over)
    done.set()
    await keeping

    assert [each.payment.uid for each in taken.started] == ["shop:p2"]


async def test_a_void_that_another_process_makes_meanwhile_is_no_conflict(
    processes: list[Database],
) -> None:
    begun = await write(processes[0], claim("p1"))
    assert isinstance(begun, Started)
    await write(processes[0], outcome(begun, "paid", Status.AUTHORIZED))
    void = Operation("void", begun.payment.uid, Kind.VOID, "key", "f", 0, "shop", 1, 9)

    results = await race(processes, Begin(void), Status.VOIDED)

    assert {type(result) for result in results} == {Started, InProgress}

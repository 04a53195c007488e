"""What the store of webhooks says is due, and what it forgets."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.util import await_only

from kurs.contracts.payments import FeedAnswer, FeedEvent
from kurs.data.database import Database
from kurs.data.migrations import migrate
from kurs_testing.waiting import eventually
from webhooks.domain.cursor import Cursor
from webhooks.domain.delivery import DeliveryAttempt
from webhooks.domain.health import Tried
from webhooks.domain.version import Version
from webhooks.migrations import VERSIONS
from webhooks.store import again, intake, sending
from webhooks.store.pruning import prune

NOW = 1_800_000_000_000_000
VERSION = Version("f", "shop")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    await asyncio.to_thread(migrate, database_url, VERSIONS)
    opened = Database.open(database_url)
    yield opened
    await opened.close()


def happened(number: int, payment: str) -> FeedEvent:
    """Return an event of a payment of the shop."""
    name = f"e{number}{payment}"
    return FeedEvent(
        id=name, sequence=number, merchant="shop", payment_id=payment, type="t", at=NOW, body=""
    )


async def store(database: Database, payments: list[str]) -> None:
    """Take in one event of each of these payments, for the destination `orders`."""
    events = [happened(n, p) for n, p in enumerate(payments, 1)]
    page = FeedAnswer(events=events, next_after=len(events))
    await database.write(lambda c: intake.take_feed(c, "me", NOW, NOW + 1, None))
    await database.write(lambda c: intake.begin_at(c, "me", Cursor(0)))
    assert await database.write(
        lambda c: intake.take_in(
            c, "me", 0, page, lambda _: ["orders"], lambda: {"orders": VERSION}, NOW
        )
    )


async def test_what_waits_behind_its_payments_first_is_not_looked_at_before_it(
    database: Database,
) -> None:
    await store(database, ["bad", "bad"])
    later = NOW + 9_000_000
    update = f"update deliveries set next_at = {later} where sequence = 1"
    await database.write(lambda c: c.exec_driver_sql(update) and None)

    due = await database.read(
        partial(sending.due, destination="orders", merchant="shop", now=NOW, limit=8)
    )

    assert (list(due.items), due.look_at) == ([], later)


async def test_what_is_old_goes_with_its_events_and_no_other(database: Database) -> None:
    await store(database, [f"p{n}" for n in range(10)])
    update = f"update deliveries set state = 'delivered', delivered_at = {NOW} where sequence < 8"
    await database.write(lambda c: c.exec_driver_sql(update) and None)
    old = partial(prune, names=["orders"], before=NOW + 1, limit=5)

    assert [await database.write(old) for _ in range(3)] == [5, 2, 0]

    left = await database.read(
        lambda c: [n for (n,) in c.exec_driver_sql("select sequence from events order by 1")]
    )
    assert left == [8, 9, 10]


async def test_what_waited_for_long_is_kept_from_when_it_was_delivered(database: Database) -> None:
    await store(database, ["p1", "p2", "p3"])
    later = NOW + 9_000_000
    update = f"update deliveries set state = 'delivered', delivered_at = {later} where sequence = 1"
    await database.write(lambda c: c.exec_driver_sql(update) and None)

    def old(before: int, name: str = "orders") -> partial[int]:
        return partial(prune, names=[name], before=before, limit=5)

    assert await database.write(old(later)) == 0
    assert await database.write(old(later + 1)) == 1
    # Of a destination that is gone what waits is forgotten by when it was made.
    assert await database.write(old(NOW, "another")) == 0
    assert await database.write(old(NOW + 1, "another")) == 2


async def test_what_waits_for_one_that_went_is_kept_while_it_may_come_back(
    database: Database,
) -> None:
    await store(database, ["p1"])
    held = f"update destinations set lease_until = {NOW + 9}"
    await database.write(lambda c: c.exec_driver_sql(held) and None)

    def old(before: int) -> partial[int]:
        return partial(prune, names=["another"], before=before, limit=5)

    assert await database.write(old(NOW + 9)) == 0
    assert await database.write(old(NOW + 10)) == 1


@pytest.mark.parametrize(("sent_to", "kept"), [("f", NOW), ("edited", None)])
async def test_a_destination_is_gone_only_as_it_was_sent_to(
    database: Database, sent_to: str, kept: int | None
) -> None:
    await store(database, ["p1"])
    hold = "update destinations set owner = 'me'"
    await database.write(lambda c: c.exec_driver_sql(hold) and None)
    due = await database.read(
        partial(sending.due, destination="orders", merchant="shop", now=NOW, limit=8)
    )
    tried = [Tried(due.items[0], DeliveryAttempt(410), NOW, NOW + 1)]
    after = due.health._replace(failures=1, gone_at=NOW)
    sent = sending.Round("orders", "me", sent_to, tried, due.health, after)

    assert await database.write(lambda c: sending.record(c, [sent])) == [True]

    gone = await database.read(
        lambda c: c.exec_driver_sql("select gone_at from destinations").scalar()
    )
    assert gone == kept


async def test_what_came_of_an_event_is_not_recorded_of_another_that_has_its_sequence_by_now(
    database: Database,
) -> None:
    await store(database, ["p1"])
    for change in ("update destinations set owner = 'me'", "update feed set sequence = 0"):
        await database.write(lambda c, sql=change: c.exec_driver_sql(sql) and None)  # type: ignore[misc]
    due = partial(sending.due, destination="orders", merchant="shop", now=NOW + 1, limit=8)
    before = await database.read(due)
    page = FeedAnswer(events=[happened(1, "p2")], next_after=1)
    assert await database.write(
        lambda c: intake.take_in(
            c, "me", 0, page, lambda _: ["orders"], lambda: {"orders": VERSION}, NOW + 1
        )
    )
    tried = [Tried(before.items[0], DeliveryAttempt(200), NOW, NOW)]
    sent = sending.Round("orders", "me", "f", tried, before.health, before.health)

    await database.write(lambda c: sending.record(c, [sent]))

    assert [d.payment_id for d in (await database.read(due)).items] == ["p2"]


def waits_for_a_lock(connection: Connection) -> bool:
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    return bool(connection.execute(waiting).scalar())


@pytest.mark.postgres
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    "anew",
    [
        partial(again.redeliver, destination="orders", merchant="shop", sequence=1, now=NOW),
        partial(again.replay, destination="orders", merchant="shop", after=0, now=NOW),
        # payments was set back, and something else happened.
        partial(
            intake.take_in,
            owner="me",
            after=0,
            page=FeedAnswer(events=[happened(1, "p2")], next_after=1),
            wants=lambda _: ["orders"],
            versions=lambda: {"orders": VERSION},
            now=NOW,
        ),
    ],
    ids=["redeliver", "replay", "set back"],
)
async def test_what_is_sent_anew_holds_up_no_round_that_is_recorded(
    database: Database, anew: partial[object]
) -> None:
    await store(database, ["p1"])
    for change in ("update destinations set owner = 'me'", "update feed set sequence = 0"):
        await database.write(lambda c, sql=change: c.exec_driver_sql(sql) and None)  # type: ignore[misc]
    due = await database.read(
        partial(sending.due, destination="orders", merchant="shop", now=NOW, limit=8)
    )
    tried = [Tried(due.items[0], DeliveryAttempt(200), NOW, NOW + 1)]
    sent = sending.Round("orders", "me", "f", tried, due.health, due.health)
    asked: list[asyncio.Task[object]] = []

    def locked(*_: object) -> None:
        if not asked:
            asked.append(asyncio.get_running_loop().create_task(database.write(anew)))
            await_only(eventually(lambda: database.read(waits_for_a_lock)))

    def recorded(connection: Connection) -> list[bool]:
        # After its first statement, which locks the destination.
        event.listen(connection, "after_cursor_execute", locked)
        return sending.record(connection, [sent])

    assert await database.write(recorded) == [True]
    assert await asked[0]

"""A destination whose row somebody keeps locked holds up no other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.util import await_only
from tests.webhooks.harness import Webhooks
from tests.webhooks.receiver import Received, Receiver, gaps, in_order
from tests.webhooks.test_delivery import begun
from tests.webhooks.test_store import happened

from kurs.contracts.payments import FeedAnswer
from kurs.data.database import Database
from kurs.data.migrations import migrate
from kurs_testing.parts import part
from kurs_testing.waiting import eventually
from webhooks.dispatcher import Dispatcher
from webhooks.domain.cursor import Cursor
from webhooks.domain.version import Version
from webhooks.migrations import VERSIONS
from webhooks.store import again, held, intake, known, leases, sending
from webhooks.store.pruning import forget_destinations

pytestmark = pytest.mark.postgres
NAMES = ("locked", "orders")
LOCK = text("SELECT FROM destinations WHERE name = 'locked' FOR UPDATE")


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    await asyncio.to_thread(migrate, postgres_url, VERSIONS)
    opened = Database.open(postgres_url)
    versions = dict.fromkeys(NAMES, Version("f", "shop"))
    await opened.write(partial(known.register, versions=versions, now=1))
    yield opened
    await opened.close()


@asynccontextmanager
async def kept_locked(database: Database, lock: str = str(LOCK)) -> AsyncIterator[None]:
    """Keep rows locked during the block."""
    locked, over = asyncio.Event(), asyncio.Event()

    def keep(connection: Connection) -> None:
        connection.execute(text(lock))
        locked.set()
        await_only(over.wait())

    keeping = asyncio.create_task(database.write(keep, seconds=600))
    await locked.wait()
    try:
        yield
    finally:
        over.set()
        await keeping


async def test_leases_of_the_others_are_kept(database: Database) -> None:
    async def share(now: int) -> dict[str, int]:
        work = partial(leases.share, owner="me", names=NAMES, now=now, until=now + 10)
        return dict((await database.write(work)).until)

    assert await share(5) == {"locked": 15, "orders": 15}
    async with kept_locked(database):
        # What is under way there goes on as long as the lease that it has.
        assert await share(14) == {"locked": 15, "orders": 24}
        assert await share(16) == {"orders": 26}
    assert await share(17) == {"locked": 27, "orders": 27}


async def test_a_replica_that_died_and_is_locked_keeps_the_others_from_no_lease(
    database: Database,
) -> None:
    def share(now: int) -> partial[leases.Held]:
        return partial(leases.share, owner="me", names=NAMES, now=now, until=now + 10)

    await database.write(partial(leases.share, owner="dead", names=NAMES, now=1, until=11))
    async with kept_locked(database, "SELECT FROM workers WHERE name = 'dead' FOR UPDATE"):
        assert (await database.write(share(50))).until


async def test_one_that_is_locked_and_forgotten_keeps_the_others_from_being_forgotten_no_more(
    database: Database,
) -> None:
    forget = partial(forget_destinations, names=["new"], before=2)
    async with kept_locked(database):
        await database.write(forget)

        assert await names(database) == ["locked"]
    await database.write(forget)
    assert await names(database) == []


async def names(database: Database) -> list[str]:
    query = text("SELECT name FROM destinations ORDER BY name")
    return await database.read(lambda c: list(c.execute(query).scalars()))


@pytest.fixture
async def two(webhooks: Webhooks, receiver: Receiver) -> Database:
    """Return the database of two destinations to which each event goes, by their paths."""
    for name in NAMES:
        webhooks.destination(name, f"{receiver.url}/{name}")
    await begun(webhooks)
    couriers = part(webhooks.apps[0], Dispatcher).couriers
    await eventually(lambda: len(couriers) == 2)
    return part(webhooks.apps[0], Database)


def sent_to(receiver: Receiver, name: str) -> list[Received]:
    return [each for each in receiver.taken if each.path.endswith(name)]


async def waiting(webhooks: Webhooks) -> int:
    """Return how many events wait for the destination that is locked."""
    items = (await webhooks.call("GET", "/event-destinations")).json()["items"]
    return int(next(i["waiting"] for i in items if i["name"] == "locked"))


async def until_nothing_waits(webhooks: Webhooks) -> None:
    async def all_recorded() -> bool:
        return await waiting(webhooks) == 0

    await eventually(all_recorded)


on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@on_postgresql
async def test_events_go_on_to_the_others_and_come_in_order_where_it_was_locked(
    webhooks: Webhooks, receiver: Receiver, two: Database
) -> None:
    webhooks.fed.happen("p1")
    await receiver.until(2)
    await until_nothing_waits(webhooks)
    async with kept_locked(two):
        for number in range(4):
            webhooks.fed.happen(f"p{number % 2}")
            await eventually(lambda count=number + 2: len(sent_to(receiver, "orders")) == count)

        assert await waiting(webhooks) == 4
        listed = (
            await webhooks.call("GET", "/deliveries?destination=locked&status=waiting")
        ).json()
        assert [each["sequence"] for each in listed["items"]] == [5, 4, 3, 2]
        assert {each["status"] for each in listed["items"]} == {"waiting"}
    webhooks.fed.happen("p1")
    await receiver.until(12)

    for name in NAMES:
        came = sent_to(receiver, name)
        assert sorted((r.event["previous_sequence"] or 0, r.sequence) for r in came) == [
            (n, n + 1) for n in range(6)
        ]
        assert in_order(came)
        assert gaps(came) == []


@on_postgresql
async def test_what_is_held_back_is_sent_though_nothing_happens_any_more(
    webhooks: Webhooks, receiver: Receiver, two: Database
) -> None:
    async with kept_locked(two):
        webhooks.fed.happen("p1")
        await receiver.until(1)
    await receiver.until(2)

    assert len(sent_to(receiver, "locked")) == 1


@on_postgresql
async def test_payments_is_asked_to_wait_though_one_stays_locked(
    webhooks: Webhooks, receiver: Receiver, two: Database
) -> None:
    async with kept_locked(two):
        webhooks.fed.happen("p1")
        await receiver.until(1)
        begun_to_hold = len(webhooks.fed.waits)
        for number in range(1, 5):
            webhooks.fed.happen(f"p{number}")
            await receiver.until(number + 1)
        webhooks.fed.waits[:begun_to_hold] = []

        await eventually(lambda: len(webhooks.fed.waits) > 4)
        assert min(webhooks.fed.waits) > 0


@on_postgresql
async def test_an_edit_of_both_holds_where_nothing_is_locked(
    webhooks: Webhooks, receiver: Receiver, two: Database
) -> None:
    async with kept_locked(two):
        for name in NAMES:
            webhooks.destination(name, f"{receiver.url}/new/{name}")
        webhooks.fed.happen("p1")
        await receiver.until(1)
        assert receiver.taken[0].path == "/hook/new/orders"
    await receiver.until(2)
    assert receiver.taken[1].path == "/hook/new/locked"


@on_postgresql
async def test_payments_that_was_set_back_is_read_on_for_the_others(
    webhooks: Webhooks, receiver: Receiver, two: Database
) -> None:
    for number in range(3):
        webhooks.fed.happen(f"p{number}")
    await receiver.until(6)
    await until_nothing_waits(webhooks)
    async with kept_locked(two):
        webhooks.fed.set_back(1)
        webhooks.fed.happen("new")
        await receiver.until(7)
        assert receiver.taken[6].event["payment_id"] == "new"
    await receiver.until(8)
    assert receiver.taken[7].event["payment_id"] == "new"


async def test_what_is_held_back_is_sent_in_its_turn_whoever_asks_for_it_again(
    database: Database,
) -> None:
    page = FeedAnswer(events=[happened(1, "p1")], next_after=1)
    versions = {"locked": Version("f", "shop")}
    take = partial(
        intake.take_in, owner="me", after=0, page=page, wants=lambda _: ["locked"],
        versions=lambda: versions, now=9, pass_locked=True,
    )  # fmt: skip
    await database.write(partial(intake.take_feed, owner="me", now=1, until=99, read_at=None))
    await database.write(partial(intake.begin_at, owner="me", start=Cursor(0)))
    async with kept_locked(database):
        assert await database.write(take)
    of_it = {"destination": "locked", "merchant": "shop", "now": 10}

    assert await database.write(partial(again.redeliver, sequence=1, **of_it))
    assert (await database.write(partial(again.replay, after=0, **of_it))).events == 1

    due = partial(sending.due, destination="locked", merchant="shop", now=99, limit=9)
    assert not (await database.read(due)).items
    taken_up = partial(held.take_up, owner="me", versions=lambda: versions, now=11)
    assert not await database.write(taken_up)
    assert [(d.sequence, d.replays) for d in (await database.read(due)).items] == [(1, 0)]

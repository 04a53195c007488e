"""What is held for a destination keeps its order, and is nothing to who gets its name meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial

import pytest
from sqlalchemy import Row, text
from tests.webhooks.test_store import happened

from kurs.contracts.payments import FeedAnswer
from kurs.data.database import Database
from kurs.data.migrations import migrate
from webhooks.domain.cursor import Cursor
from webhooks.domain.delivery import Delivery
from webhooks.domain.version import Version
from webhooks.migrations import VERSIONS
from webhooks.store import held, intake, known, sending
from webhooks.store.standings import standings

SECOND = 1_000_000
OF_THE_SHOP = {"orders": Version("f", "shop")}
OF_THE_RIVAL = {"orders": Version("given", "rival")}


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    await asyncio.to_thread(migrate, database_url, VERSIONS)
    opened = Database.open(database_url)
    await opened.write(partial(known.register, versions=OF_THE_SHOP, now=1))
    await opened.write(partial(intake.take_feed, owner="me", now=1, until=99, read_at=None))
    await opened.write(partial(intake.begin_at, owner="me", start=Cursor(0)))
    yield opened
    await opened.close()


async def come(
    database: Database,
    *payments: str,
    after: int = 0,
    versions: Mapping[str, Version] = OF_THE_SHOP,
    now: int = 9,
) -> None:
    """Let an event of each of these payments come for `orders`."""
    owner = {"merchant": versions["orders"].merchant}
    named = enumerate(payments, after + 1)
    events = [happened(number, name).model_copy(update=owner) for number, name in named]
    page = FeedAnswer(events=events, next_after=after + len(events))
    assert await database.write(
        lambda c: intake.take_in(
            c, "me", after, page, lambda _: ["orders"], lambda: versions, now, pass_locked=True
        )
    )


async def hold(database: Database) -> None:
    """Leave all that came as it is stored when the row was locked."""
    for statement in (
        "UPDATE deliveries SET state = 'held', previous = NULL",
        "UPDATE destinations SET last_sequence = NULL",
    ):
        await database.write(lambda c, sql=statement: c.exec_driver_sql(sql) and None)  # type: ignore[misc]


async def take_up(database: Database, versions: Mapping[str, Version]) -> bool:
    place = partial(held.take_up, owner="me", versions=lambda: versions, now=9 * SECOND)
    return await database.write(place)


async def due(database: Database, merchant: str) -> Sequence[Delivery]:
    look = partial(sending.due, destination="orders", merchant=merchant, now=10 * SECOND, limit=99)
    return (await database.read(look)).items


async def known_of_it(database: Database) -> Row[tuple[str, str, int | None]]:
    query = text("SELECT merchant, fingerprint, last_sequence FROM destinations")
    return await database.read(lambda c: c.execute(query).one())


async def test_the_first_of_another_merchant_names_none_of_the_one_before(
    database: Database,
) -> None:
    await come(database, "p1")
    await come(database, "p1", "p2", after=1, versions=OF_THE_RIVAL)
    await hold(database)

    assert not await take_up(database, OF_THE_RIVAL)

    told = [(item.sequence, item.previous) for item in await due(database, "rival")]
    assert told == [(2, None), (3, 2)]


@pytest.fixture
async def given(database: Database) -> Database:
    """After something was held for the shop, and the name was given to the rival."""
    await come(database, "p1")
    await hold(database)
    await database.write(partial(known.register, versions=OF_THE_RIVAL, now=12))
    assert not await take_up(database, OF_THE_RIVAL)
    return database


async def test_one_that_was_given_away_stays_given_away(given: Database) -> None:
    assert (*await known_of_it(given),) == ("rival", "given", None)
    assert not await due(given, "rival")


async def test_whose_it_is_by_now_is_told_how_it_does(given: Database) -> None:
    found, _ = await given.read(partial(standings, merchants={"orders": "rival"}))

    assert found["orders"].waiting == 0


async def test_of_one_that_nobody_writes_any_more_what_is_held_is_the_lasts(
    database: Database,
) -> None:
    await come(database, "p1")
    await come(database, "p1", after=1, versions=OF_THE_RIVAL)
    await hold(database)

    assert not await take_up(database, {})

    assert [(item.sequence, item.previous) for item in await due(database, "rival")] == [(2, None)]


async def test_one_that_is_free_only_after_it_was_to_be_given_away_is_held_as_if_it_was_not(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await come(database, "p1")
    with monkeypatch.context() as patched:
        patched.setattr("webhooks.store.known._free", lambda *_: [])
        await come(database, "p1", after=1, versions=OF_THE_RIVAL)

    assert not await take_up(database, OF_THE_RIVAL)

    assert [(item.sequence, item.previous) for item in await due(database, "rival")] == [(2, None)]


async def test_what_comes_by_a_clock_that_is_behind_stays_behind_what_is_held(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More is held than is placed at once; then another replica reads on."""
    monkeypatch.setattr("webhooks.store.held._AT_ONCE", 2)
    await come(database, "o1", "o2", "o3", "bad", now=2 * SECOND)
    await hold(database)
    await come(database, "bad", after=4, now=1 * SECOND)

    assert await take_up(database, OF_THE_SHOP)
    assert [item.sequence for item in await due(database, "shop")] == [1, 2, 3, 4]
    assert not await take_up(database, OF_THE_SHOP)

    placed = text("SELECT sequence, previous FROM deliveries ORDER BY sequence")
    found = await database.read(lambda c: [(*row,) for row in c.execute(placed)])
    assert found == [(1, None), (2, 1), (3, 2), (4, 3), (5, 4)]

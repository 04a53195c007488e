"""A destination that is edited begins anew; given to another merchant, it knows nothing more."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest
from sqlalchemy import select
from tests.webhooks.test_store import NOW, happened, store

from kurs.contracts.payments import FeedAnswer
from kurs.data.database import Database
from kurs.data.migrations import migrate
from webhooks.domain.health import Health
from webhooks.domain.version import Version
from webhooks.migrations import VERSIONS
from webhooks.store import intake, known, sending
from webhooks.store.pruning import prune
from webhooks.store.tables import deliveries, destinations

LATER = NOW + 9_000_000
ILL = (
    f"update destinations set failures = 40, failing_since = {NOW}, retry_at = {LATER}, "
    f"gone_at = {NOW}, last_error = 'answered 500', last_error_at = {NOW}, "
    f"delivered_sequence = 1, delivered_at = {NOW}"
)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Return a database in which `orders` of the shop got an event and does badly since."""
    await asyncio.to_thread(migrate, database_url, VERSIONS)
    opened = Database.open(database_url)
    await store(opened, ["order-1", "order-2"])
    late = f"update deliveries set next_at = {LATER}, failed_at = {NOW}, attempts = 9"
    for statement in (ILL, late):
        await opened.write(lambda c, sql=statement: c.exec_driver_sql(sql) and None)  # type: ignore[misc]
    yield opened
    await opened.close()


async def look(database: Database, merchant: str = "shop") -> sending.Due:
    found = partial(sending.due, destination="orders", merchant=merchant, now=NOW, limit=8)
    return await database.read(found)


async def test_one_that_is_edited_begins_anew(database: Database) -> None:
    edited = {"orders": Version("edited", "shop")}
    await database.write(partial(known.register, versions=edited, now=NOW))

    due = await look(database)

    assert due.health[:4] == (0, None, 0, None)
    assert [item.payment_id for item in due.items] == ["order-1", "order-2"]
    assert due.health.delivered_sequence == 1


async def test_one_of_another_merchant_knows_nothing_of_the_first(database: Database) -> None:
    given = {"orders": Version("given", "rival")}
    await database.write(partial(known.register, versions=given, now=NOW))

    assert (await look(database, "rival")).health == Health(0, None, 0, *[None] * 5)
    await take_in_of_the_rival(database)
    (item,) = (await look(database, "rival")).items
    assert (item.sequence, item.previous) == (3, None)


async def test_one_that_is_known_as_anothers_by_the_next_event_begins_anew_too(
    database: Database,
) -> None:
    await take_in_of_the_rival(database)

    due = await look(database, "rival")

    assert [(item.sequence, item.previous) for item in due.items] == [(3, None)]
    assert due.health.delivered_sequence is None


async def test_who_was_known_to_a_release_before_is_the_merchant_that_is_written_now(
    database: Database,
) -> None:
    unknown = "update destinations set merchant = null"
    await database.write(lambda c: c.exec_driver_sql(unknown) and None)
    same = {"orders": Version("f", "shop")}
    await database.write(partial(known.register, versions=same, now=NOW))

    kept = await database.read(
        lambda c: c.execute(select(destinations.c.merchant, destinations.c.failures)).one()
    )
    waits = await database.read(lambda c: set(c.execute(select(deliveries.c.next_at)).scalars()))

    assert (*kept,) == ("shop", 40)
    assert waits == {LATER}


async def take_in_of_the_rival(database: Database) -> None:
    """Take in an event of the rival, who calls its payment as the shop does one that waits."""
    event = happened(3, "order-1").model_copy(update={"merchant": "rival"})
    assert await database.write(
        partial(
            intake.take_in,
            owner="me",
            after=2,
            page=FeedAnswer(events=[event], next_after=3),
            wants=lambda _: ["orders"],
            versions=lambda: {"orders": Version("given", "rival")},
            now=NOW,
        )
    )


async def test_what_waits_for_the_first_is_forgotten_when_it_is_old_and_the_others_stays(
    database: Database,
) -> None:
    await take_in_of_the_rival(database)
    forget = partial(prune, names=["orders"], limit=9)

    assert await database.write(partial(forget, before=NOW)) == 0
    assert await database.write(partial(forget, before=LATER)) == 2

    (item,) = (await look(database, "rival")).items
    assert item.sequence == 3


async def test_it_is_sent_when_the_first_has_it_again_before_that(database: Database) -> None:
    await take_in_of_the_rival(database)
    back = {"orders": Version("back", "shop")}
    await database.write(partial(known.register, versions=back, now=NOW))

    assert await database.write(partial(prune, names=["orders"], before=LATER, limit=9)) == 1

    assert [item.payment_id for item in (await look(database)).items] == ["order-1", "order-2"]


async def test_a_wrong_merchant_for_a_moment_costs_nothing_however_long_it_waits(
    database: Database,
) -> None:
    long_ago = "update deliveries set created_at = 1"
    await database.write(lambda c: c.exec_driver_sql(long_ago) and None)
    wrong = {"orders": Version("wrong", "rival")}
    await database.write(partial(known.register, versions=wrong, now=NOW))

    assert await database.write(partial(prune, names=["orders"], before=NOW, limit=9)) == 0

    back = {"orders": Version("back", "shop")}
    await database.write(partial(known.register, versions=back, now=NOW))
    assert [item.payment_id for item in (await look(database)).items] == ["order-1", "order-2"]

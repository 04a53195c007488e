"""Payments go side by side, also to a receiver that takes some and not others.

Time is the test's: what a courier does in hours takes as long as its rounds.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial

import pytest
from tests.webhooks.test_store import NOW, store

from kurs.data.database import Database
from kurs.data.migrations import migrate
from kurs.kernel.clock import MICROS
from webhooks.domain.backoff import MANY, next_try
from webhooks.domain.delivery import DeliveryAttempt
from webhooks.domain.health import Health, Tried, after_round
from webhooks.migrations import VERSIONS
from webhooks.store import again, sending
from webhooks.store.standings import standings

Answer = Callable[[str, int], DeliveryAttempt]
TAKEN = DeliveryAttempt(204)
HOUR = 3600 * MICROS


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    await asyncio.to_thread(migrate, database_url, VERSIONS)
    opened = Database.open(database_url)
    yield opened
    await opened.close()


async def change(database: Database, statement: str) -> None:
    await database.write(lambda c: c.exec_driver_sql(statement) and None)


async def began(database: Database, payments: list[str]) -> None:
    """Let an event of each payment wait for `orders`, which is ours."""
    await store(database, payments)
    await change(database, "update destinations set owner = 'me'")


async def look(database: Database, now: int) -> sending.Due:
    found = partial(sending.due, destination="orders", merchant="shop", now=now, limit=8)
    return await database.read(found)


async def tell(database: Database, due: sending.Due, now: int, answer: Answer) -> Health:
    """Record what was answered to a round, and return how the destination does then."""
    tried = []
    for item in due.items:
        attempt = answer(item.payment_id, now)
        again = next_try(item.attempts + 1, now, attempt.retry_after)
        tried.append(Tried(item, attempt, now, again))
    after = after_round(due.health, tried, now, 3 * 86_400)
    sent = sending.Round("orders", "me", "f", tried, due.health, after)
    assert await database.write(lambda c: sending.record(c, [sent])) == [True]
    return after


async def played(
    database: Database, answer: Answer, until: int
) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """Send what is due until then; return when each payment's was taken, and how often tried."""
    now, taken, tries = NOW, dict[str, int](), dict[str, int]()
    while now < until:
        due = await look(database, now)
        for item in due.items:
            tries[item.payment_id] = tries.get(item.payment_id, 0) + 1
            if answer(item.payment_id, now).taken:
                taken[item.payment_id] = now
        if due.items:
            await tell(database, due, now, answer)
            now += MICROS
        elif due.look_at is None:
            break
        else:
            now = due.look_at
    return taken, tries


async def test_payments_that_are_refused_hold_no_others(database: Database) -> None:
    bad, good = [f"bad{n}" for n in range(60)], [f"good{n}" for n in range(20)]
    await began(database, [*bad, *good])

    def refuses_some(payment: str, _: int) -> DeliveryAttempt:
        return DeliveryAttempt(400) if payment.startswith("bad") else TAKEN

    taken, tries = await played(database, refuses_some, NOW + HOUR)

    assert set(taken) == set(good)
    assert max(taken.values()) < NOW + 60 * MICROS
    # By their own turns, 5, 15, 45 .. seconds, and at once after the first success.
    assert max(tries.values()) <= 9


async def test_a_probe_is_of_what_was_never_tried(database: Database) -> None:
    await began(database, ["bad", "good"])
    await change(database, "update deliveries set attempts = 3 where sequence = 1")
    await change(database, f"update destinations set failures = {MANY}, retry_at = {NOW - 1}")

    assert [item.payment_id for item in (await look(database, NOW)).items] == ["good"]
    await change(database, "update deliveries set attempts = 1")
    assert [item.payment_id for item in (await look(database, NOW)).items] == ["bad"]


async def test_who_answers_nothing_or_knows_us_not_is_probed(database: Database) -> None:
    for status in (None, 500, 401, 429):
        health = Health(MANY - 1, NOW, NOW, None, None, None, None, None)
        due = sending.Due(health, (await _one(database)).items, None)
        after = await tell(database, due, NOW, lambda *_, s=status: DeliveryAttempt(s))  # type: ignore[misc]
        assert after.is_probed, status


async def _one(database: Database) -> sending.Due:
    if not (await database.read(lambda c: c.exec_driver_sql("select * from events").all())):
        await began(database, ["p"])
    await change(database, f"update deliveries set next_at = {NOW}")
    await change(database, "update destinations set retry_at = 0, failures = 0")
    return await look(database, NOW)


async def test_what_failed_while_nothing_was_taken_goes_at_once_but_for_a_wish_to_rest(
    database: Database,
) -> None:
    await began(database, ["tired", "p1", "p2", "p3"])

    def down_for_hours(payment: str, now: int) -> DeliveryAttempt:
        if payment == "tired" and now < NOW + 20 * HOUR:
            return DeliveryAttempt(500, retry_after=20 * 3600.0)
        return TAKEN if now > NOW + 10 * HOUR else DeliveryAttempt(None, "cannot be reached")

    taken, tries = await played(database, down_for_hours, NOW + 30 * HOUR)

    assert set(taken) == {"tired", "p1", "p2", "p3"}
    others = [at for payment, at in taken.items() if payment != "tired"]
    assert max(others) - min(others) <= 5 * MICROS
    assert tries["tired"] == 2


async def test_a_replay_takes_back_no_failure(database: Database) -> None:
    await began(database, ["p1"])
    await tell(database, await look(database, NOW), NOW, lambda *_: DeliveryAttempt(500))

    await database.write(
        partial(again.replay, destination="orders", merchant="shop", after=0, now=NOW + 1)
    )

    told, _ = await database.read(partial(standings, merchants={"orders": "shop"}))
    assert told["orders"].first_failed_at == NOW

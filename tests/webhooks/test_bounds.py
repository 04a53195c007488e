"""However much waits: how a destination does is told in bounded work; replays do not pile up."""

from functools import partial

import pytest
from sqlalchemy import Connection, event
from tests.webhooks.harness import Webhooks
from tests.webhooks.receiver import Receiver
from tests.webhooks.test_delivery import begun
from tests.webhooks.test_store import NOW, database, store

from kurs.data.database import Database
from kurs_testing.waiting import eventually
from webhooks.domain.health import Standing, reason_of
from webhooks.store.again import replay
from webhooks.store.standings import standings

__all__ = ["database"]
MERCHANTS = {"orders": "shop"}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("domain.health", "store.standings"):
        monkeypatch.setattr(f"webhooks.{place}.MOST_COUNTED", 10)


async def test_what_waits_is_counted_so_far_and_no_further(database: Database, small: None) -> None:
    await store(database, [f"p{n}" for n in range(30)])

    found, _ = await database.read(partial(standings, merchants=MERCHANTS))

    assert found["orders"].waiting == 11
    assert (found["orders"].oldest_waiting_at, found["orders"].due_at) == (NOW, NOW)
    assert "more than 10 events wait" in reason_of(True, found["orders"], NOW, 1)[1]


def test_what_can_be_counted_is_told_as_it_is() -> None:
    assert Standing(waiting=3).waiting_in_words == "3"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_how_a_destination_does_is_found_by_indexes(database: Database) -> None:
    """Were one missing, each look would read all that waits."""
    await store(database, ["p1"])
    plans: list[str] = []

    def explain(connection: Connection, _: object, sql: str, values: object, *__: object) -> None:
        if "destinations" in sql and not sql.startswith("EXPLAIN"):
            driver = connection.connection.driver_connection
            assert driver is not None
            found = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)  # type: ignore[arg-type]
            plans.extend(row.detail for row in found)

    def look(connection: Connection) -> None:
        event.listen(connection, "before_cursor_execute", explain)
        standings(connection, MERCHANTS)

    await database.read(look)

    text = "\n".join(plans)
    for index in ("waiting", "failed", "due"):
        assert f"ix_deliveries_{index}" in text
    assert "SCAN deliveries" not in text
    assert "TEMP B-TREE" not in text


async def again(database: Database, after: int = 0) -> tuple[int, int | None, bool]:
    ask = partial(replay, destination="orders", merchant="shop", after=after, now=NOW)
    return await database.write(ask)


async def change(database: Database, sql: str) -> None:
    await database.write(lambda c: c.exec_driver_sql(sql) and None)


async def test_a_destination_takes_one_replay_at_a_time(database: Database) -> None:
    await store(database, [f"p{n}" for n in range(5)])
    await change(database, "update deliveries set state = 'delivered' where sequence < 4")

    assert await again(database, 1) == (4, 5, False)
    await change(database, "update deliveries set state = 'delivered' where sequence < 4")
    assert await again(database, 0) == (2, 5, True)
    replays = await database.read(
        lambda c: [
            n for (n,) in c.exec_driver_sql("select replays from deliveries order by sequence")
        ]
    )
    assert replays == [0, 1, 1, 1, 1]

    await change(database, "update deliveries set state = 'delivered'")
    assert await again(database, 0) == (5, 5, False)


async def test_one_that_wants_no_more_may_be_sent_to_again(database: Database) -> None:
    await store(database, ["p1"])
    await again(database)
    await change(database, f"update destinations set gone_at = {NOW}")

    assert await again(database) == (1, 1, False)


async def test_a_second_replay_is_refused_and_says_what_is_under_way(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    webhooks.destination("orders", receiver.url, suspend=True)
    await begun(webhooks)
    webhooks.fed.happen("p1")
    await eventually(lambda: webhooks.figure("events_total") == 1)
    path = "/event-destinations/orders/replay"
    assert (await webhooks.call("POST", path, {"after": 0})).json() == {"events": 1, "until": 1}

    second = await webhooks.call("POST", path, {"after": 0})

    assert (second.status, second.json()["code"]) == (409, "replay_under_way")
    (error,) = second.json()["errors"]
    assert (error["field"], error["hint"]) == (
        "after", "ask for what comes after 1 once they are taken",
    )  # fmt: skip

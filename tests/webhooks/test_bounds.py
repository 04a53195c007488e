"""However much waits: how a destination does is told in bounded work; replays do not pile up."""

from collections.abc import Callable
from functools import partial

import pytest
from sqlalchemy import Connection, event
from tests.webhooks.test_store import NOW, database, store

from kurs.data.database import Database
from webhooks.domain.health import reason_of
from webhooks.store.again import replay
from webhooks.store.pruning import prune
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


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_how_a_destination_does_is_found_by_indexes(database: Database) -> None:
    """Were one missing, each look would read all that waits."""
    await store(database, ["p1"])

    text = await plan(database, partial(standings, merchants=MERCHANTS))

    for index in ("waiting", "failed", "due"):
        assert f"ix_deliveries_{index}" in text
    assert "SCAN deliveries" not in text
    assert "TEMP B-TREE" not in text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_waits_is_not_read_to_be_forgotten_where_nothing_was_given_away(
    database: Database,
) -> None:
    await store(database, ["p1"])

    text = await plan(database, partial(prune, names=["orders"], before=NOW, limit=9))

    assert text.count("ix_deliveries_waiting (destination=? AND created_at<?)") == 2
    assert "SCAN deliveries" not in text


async def plan(database: Database, work: Callable[[Connection], object]) -> str:
    """Return how the statements of some work that name destinations are done."""
    plans: list[str] = []

    def explain(connection: Connection, _: object, sql: str, values: object, *__: object) -> None:
        if "destinations" in sql and not sql.startswith("EXPLAIN"):
            driver = connection.connection.driver_connection
            assert driver is not None
            found = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)  # type: ignore[arg-type]
            plans.extend(row.detail for row in found)

    def run(connection: Connection) -> None:
        event.listen(connection, "before_cursor_execute", explain)
        work(connection)

    await database.read(run)
    return "\n".join(plans)


async def again(database: Database, after: int = 0) -> tuple[int, int | None]:
    ask = partial(replay, destination="orders", merchant="shop", after=after, now=NOW)
    return await database.write(ask)


async def change(database: Database, sql: str) -> None:
    await database.write(lambda c: c.exec_driver_sql(sql) and None)


async def test_a_replay_writes_nothing_anew_that_is_to_be_sent_anyway(database: Database) -> None:
    async def replays() -> list[int]:
        query = "select replays from deliveries order by sequence"
        return await database.read(lambda c: [n for (n,) in c.exec_driver_sql(query)])

    await store(database, [f"p{n}" for n in range(5)])
    await change(database, "update deliveries set state = 'delivered' where sequence < 4")
    await change(database, f"update deliveries set next_at = {NOW + 1} where sequence = 4")
    for _ in range(3):
        assert await again(database, 1) == (4, 5)
        assert await replays() == [0, 1, 1, 1, 0]

    await change(database, "update deliveries set state = 'delivered'")
    assert await again(database, 0) == (5, 5)
    assert await replays() == [1, 2, 2, 2, 1]


async def test_one_that_wants_no_more_is_sent_to_again(database: Database) -> None:
    await store(database, ["p1"])
    await change(database, f"update destinations set gone_at = {NOW}")
    await again(database)

    gone = "select gone_at from destinations"
    assert await database.read(lambda c: c.exec_driver_sql(gone).scalar()) is None

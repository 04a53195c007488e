"""What the database itself holds to, and what a batch costs it."""

from collections.abc import Iterator
from functools import partial

import pytest
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError
from tests.risk.harness import RiskApp, attempt, item, policy, rows
from tests.risk.services import replica

from kurs.data.database import Database
from kurs.data.migrations import migrate
from kurs.kernel.clock import MICROS
from kurs_testing.clock import ManualClock
from kurs_testing.telemetry import RecordingTelemetry
from risk.cleanup import Cleanup
from risk.domain.batch import Scored
from risk.metrics import RiskMetrics
from risk.migrations import VERSIONS
from risk.service import WaitingAttempt
from risk.store import remove_expired

MINUTE = {"name": "minute", "window": "60s", "maxCount": 2, "action": "Decline"}
HOUR = {"name": "hour", "window": "1h", "maxCount": 5, "action": "Review"}
LIMITED = policy(standard={"velocity": [MINUTE, HOUR]})


@pytest.fixture
def migrated(database_url: str) -> str:
    migrate(database_url, VERSIONS)
    return database_url


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """The texts of all statements that run, without the beginnings of transactions."""
    seen: list[str] = []

    def note(_: Connection, __: object, statement: str, *___: object) -> None:
        if not statement.startswith("BEGIN"):
            seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield seen
    event.remove(Engine, "before_cursor_execute", note)


@pytest.mark.parametrize(
    "change", ["UPDATE decisions SET outcome = 'approve'", "DELETE FROM decisions"]
)
async def test_the_database_refuses_to_change_a_decision(
    risk: RiskApp, database_url: str, change: str
) -> None:
    await risk.score(destination_account="alice")
    database = Database.open(database_url)

    with pytest.raises(DBAPIError, match="append-only"):
        await database.write(lambda c: c.exec_driver_sql(change))
    await database.close()
    assert await rows(database_url, "SELECT outcome FROM decisions") == [("decline",)]


async def test_a_batch_costs_the_same_few_statements_whatever_its_size(
    migrated: str, statements: list[str]
) -> None:
    async with replica(migrated, ManualClock(), lambda: LIMITED) as service:
        counts = []
        for size in (1, 64):
            statements.clear()
            await service.score(
                [WaitingAttempt(attempt(source_account=f"a{n}")) for n in range(size)]
            )
            counts.append(len(statements))

    assert counts[0] == counts[1] <= 5


async def test_a_repeated_batch_writes_nothing(migrated: str) -> None:
    async with replica(migrated, ManualClock(), lambda: LIMITED) as service:
        orders = [WaitingAttempt(attempt(source_account=f"a{n % 3}")) for n in range(9)]
        first = await service.score(orders)
        before = await rows(migrated, "SELECT * FROM velocity ORDER BY 1, 2, 3, 4")
        again = await service.score(orders)

    assert [r.decision for r in first if isinstance(r, Scored)] == [
        r.decision for r in again if isinstance(r, Scored) and r.replayed
    ]
    assert await rows(migrated, "SELECT * FROM velocity ORDER BY 1, 2, 3, 4") == before


async def test_a_window_lets_go_after_its_length_and_at_most_one_bucket(migrated: str) -> None:
    clock = ManualClock()
    clock.advance(seconds=4.9)
    async with replica(migrated, clock, lambda: LIMITED) as service:

        async def outcome() -> str:
            (result,) = await service.score([WaitingAttempt(attempt())])
            assert isinstance(result, Scored)
            return result.decision.outcome

        assert [await outcome() for _ in range(2)] == ["approve", "approve"]
        clock.advance(seconds=60)
        at_its_length = await outcome()
        clock.advance(seconds=0.1)
        after = await outcome()

    # Both attempts were made 0.1 s before their bucket of 5 s ended.
    assert at_its_length == "decline"
    assert after == "approve"


async def test_cleaning_up_removes_only_what_no_window_reaches(migrated: str) -> None:
    clock = ManualClock()
    async with replica(migrated, clock, lambda: LIMITED) as service:
        await service.score([WaitingAttempt(attempt(source_account=f"a{n}")) for n in range(3)])
    database = Database.open(migrated)

    async def removed(at_most: int = 100) -> int:
        now = clock.now() // MICROS
        return await database.write(partial(remove_expired, now_seconds=now, at_most=at_most))

    clock.advance(seconds=64)
    early = await removed()
    clock.advance(seconds=1)
    bounded, rest, nothing = await removed(at_most=2), await removed(), await removed()
    await database.close()

    assert (early, bounded, rest, nothing) == (0, 2, 1, 0)
    assert await rows(migrated, "SELECT DISTINCT bucket_width_s FROM velocity") == [(300,)]


async def test_a_turn_of_cleaning_up_counts_what_it_removed(migrated: str) -> None:
    clock, telemetry = ManualClock(), RecordingTelemetry("risk")
    async with replica(migrated, clock, lambda: LIMITED) as service:
        await service.score([WaitingAttempt(attempt())])
    clock.advance(seconds=86_400)
    database = Database.open(migrated)
    cleanup = Cleanup(database, clock=clock, metrics=RiskMetrics(telemetry))
    removed = await cleanup.turn()
    await database.close()

    assert removed == 2
    assert telemetry.registry.get_sample_value("kurs_risk_velocity_buckets_removed_total") == 2


async def test_amounts_of_nineteen_digits_fill_a_window_without_overflow(risk: RiskApp) -> None:
    largest = str(2**63 - 1)
    results = [
        await risk.batch(item(amount=largest, currency="JPY", payment_id=f"big{n}-{k}"))
        for n in range(3)
        for k in range(3)
    ]

    assert {r["status"] for (r,) in results} == {"scored"}

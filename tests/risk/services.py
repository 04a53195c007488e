"""Risk without HTTP: its service on a database, as each replica has it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from fractions import Fraction

from prometheus_client import CollectorRegistry
from structlog import get_logger

from kurs.data.database import Database
from kurs.kernel.batching import BatchMetrics
from kurs.kernel.clock import Clock
from kurs.quotes.rate_table import RateTable
from kurs_testing.telemetry import RecordingTelemetry
from risk.domain.policy import Policy
from risk.metrics import RiskMetrics
from risk.service import RiskService

RATES = RateTable({("USD", "IDR"): Fraction(16_000)})


@asynccontextmanager
async def replica(
    url: str, clock: Clock, policy: Callable[[], Policy | None]
) -> AsyncIterator[RiskService]:
    """Run one replica on a migrated database."""
    database = Database.open(url)
    try:
        async with service_on(database, clock, policy) as service:
            yield service
    finally:
        await database.close()


@asynccontextmanager
async def service_on(
    database: Database, clock: Clock, policy: Callable[[], Policy | None]
) -> AsyncIterator[RiskService]:
    """Run the service of a replica on an open database."""
    service = RiskService(
        database,
        policy=policy,
        rates=lambda _: RATES,
        clock=clock,
        metrics=RiskMetrics(RecordingTelemetry("risk")),
        batch_metrics=BatchMetrics(CollectorRegistry()),
        logger=get_logger("risk"),
    )
    try:
        yield service
    finally:
        await service.close()

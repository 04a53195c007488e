"""The composition root of risk."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from kurs.app import create_app as create_kurs_app
from kurs.batching import BatchMetrics
from kurs.clock import Clock, SystemClock
from kurs.database import Database
from kurs.documents import DocumentWatcher, config_router
from kurs.heartbeat import Heartbeat, beating
from kurs.http import AiohttpTransport, ServiceClient, Transport
from kurs.migrations import ensure_schema
from kurs.resources import RiskDocument
from kurs.telemetry import Telemetry
from risk.batches import BatchScoring
from risk.cleanup import Cleanup
from risk.configuration import Configuration
from risk.domain.rates import NO_RATES
from risk.metrics import RiskMetrics
from risk.migrations import VERSIONS
from risk.rates_feed import RatesFeed
from risk.routes import batch_router, scores_router, thresholds_router
from risk.service import RiskService
from risk.settings import RiskSettings

_RETRY_SECONDS = 1.0
"""How soon after a failure the clean-up shows whether the database is there again."""


def create_app(
    settings: RiskSettings,
    *,
    clock: Clock | None = None,
    transport: Transport | None = None,
    telemetry: Telemetry | None = None,
) -> FastAPI:
    """Return the app; raises ValueError for a database URL that is neither of the two kinds."""
    clock = clock or SystemClock()
    telemetry = telemetry or Telemetry.of(settings)
    metrics = RiskMetrics(telemetry)
    carrier = transport or AiohttpTransport()
    rates = RatesFeed(
        ServiceClient("fx", settings.fx_url, carrier, telemetry=telemetry),
        clock=clock,
        telemetry=telemetry,
        metrics=metrics,
        poll_seconds=settings.rates_poll_seconds,
        max_age_seconds=settings.rates_max_age_seconds,
        grace_seconds=settings.rates_grace_seconds,
    )
    configuration = Configuration(settings.blocklist())
    watcher = DocumentWatcher(settings.config_dir, RiskDocument, telemetry=telemetry, clock=clock)
    watcher.subscribe(configuration.apply)
    watcher.subscribe(metrics.shadow.apply)
    database = Database.open(settings.database_url, telemetry)
    cleanup = Heartbeat(
        "velocity cleanup",
        Cleanup(database, clock=clock, metrics=metrics).turn,
        seconds=settings.cleanup_seconds,
        retry_seconds=_RETRY_SECONDS,
        tolerated=0,
        telemetry=telemetry,
    )
    service = RiskService(
        database,
        policy=configuration.policy,
        rates=rates.table,
        clock=clock,
        metrics=metrics,
        batch_metrics=BatchMetrics(telemetry.registry),
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await ensure_schema(database, settings.database_url, VERSIONS)
        await watcher.start()
        rates.start()
        try:
            async with beating(cleanup):
                yield
        finally:
            await rates.close()
            await watcher.close()
            await service.close()
            await database.close()
            await carrier.close()
            telemetry.shutdown()

    app = create_kurs_app(
        title="Kurs risk",
        settings=settings,
        telemetry=telemetry,
        lifespan=lifespan,
        readiness=lambda: {
            "configuration": watcher.ready,
            "database": cleanup.healthy,
            "rates_settled": rates.settled,
        },
        report=lambda: {"rates": rates.table(clock.now()) is not NO_RATES},
    )
    app.include_router(scores_router(service))
    app.include_router(thresholds_router(configuration))
    app.include_router(batch_router(BatchScoring(service, telemetry, metrics)))
    app.include_router(config_router(watcher, metrics.shadow.reports))
    return app

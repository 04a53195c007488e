"""The composition root of risk."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import APIRouter, FastAPI

from kurs.calls import AiohttpTransport, ServiceClient, Transport
from kurs.config.documents import DocumentWatcher, config_router
from kurs.config.resources import RiskDocument
from kurs.data.database import Database
from kurs.data.migrations import ensure_schema
from kurs.edges import Edges
from kurs.kernel.batching import BatchMetrics
from kurs.kernel.clock import Clock, SystemClock
from kurs.telemetry import Telemetry
from kurs.web.app import create_app as create_kurs_app
from kurs.web.heartbeat import Heartbeat, beating
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
    """Return the app; raises ValueError for a database URL that is neither of the two kinds.

    Raises CannotRun without the keys of its edges.
    """
    clock = clock or SystemClock()
    telemetry = telemetry or Telemetry.of(settings)
    carrier = transport or AiohttpTransport()
    edges = Edges("risk", settings, clock=clock, telemetry=telemetry)
    parts = _assemble(settings, clock, carrier, telemetry, edges)
    watcher, cleanup, rates = parts.watcher, parts.cleanup, parts.rates

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await ensure_schema(parts.database, settings.database_url, VERSIONS)
        await watcher.start()
        rates.start()
        try:
            async with beating(cleanup):
                yield
        finally:
            await rates.close()
            await watcher.close()
            await parts.service.close()
            await parts.database.close()
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
        guard=edges.guard,
    )
    for router in parts.routers(telemetry):
        app.include_router(router)
    return app


@dataclass(frozen=True, slots=True)
class _Parts:
    """What one app is made of."""

    metrics: RiskMetrics
    rates: RatesFeed
    configuration: Configuration
    watcher: DocumentWatcher[RiskDocument]
    database: Database
    cleanup: Heartbeat
    service: RiskService

    def routers(self, telemetry: Telemetry) -> tuple[APIRouter, ...]:
        """Return the routes over these parts."""
        return (
            scores_router(self.service),
            thresholds_router(self.configuration),
            batch_router(BatchScoring(self.service, telemetry, self.metrics)),
            config_router(self.watcher, self.metrics.shadow.reports),
        )


def _assemble(
    settings: RiskSettings, clock: Clock, carrier: Transport, telemetry: Telemetry, edges: Edges
) -> _Parts:
    metrics = RiskMetrics(telemetry)
    rates = RatesFeed(
        ServiceClient(
            "fx", settings.fx_url, carrier, telemetry=telemetry, signer=edges.signer("fx")
        ),
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
        logger=telemetry.logger,
    )
    return _Parts(metrics, rates, configuration, watcher, database, cleanup, service)

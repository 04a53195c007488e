"""What risk is made of."""

from typing import Unpack

from fastapi import FastAPI

from kurs.config.reports import config_router
from kurs.config.resources import RiskDocument
from kurs.kernel.batching import BatchMetrics
from kurs.quotes.rate_table import NO_RATES
from kurs.service import Joined, Service
from kurs.service.database import keep_database
from kurs.service.documents import follow_document
from risk.batches import BatchScoring
from risk.cleanup import Cleanup
from risk.configuration import Configuration
from risk.metrics import RiskMetrics
from risk.migrations import VERSIONS
from risk.rates_feed import RatesFeed
from risk.routes import routes
from risk.service import RiskService
from risk.service_routes import service_routes
from risk.settings import RiskSettings


def create_app(settings: RiskSettings, **joined: Unpack[Joined]) -> FastAPI:
    """Return the app; raises CannotRun without the keys of its edges."""
    service = Service("risk", settings, **joined)
    metrics = RiskMetrics(service.telemetry)
    database = keep_database(service, VERSIONS)
    configuration = service.add(Configuration(settings.blocklist()))
    watcher = follow_document(
        service, settings.config_dir, RiskDocument, configuration.apply, metrics.shadow.apply
    )
    rates = _rates(service, metrics)
    risk = service.add(
        RiskService(
            database,
            policy=configuration.policy,
            rates=rates.table,
            clock=service.clock,
            metrics=metrics,
            batch_metrics=BatchMetrics(service.telemetry.registry),
            logger=service.telemetry.logger,
        )
    )
    service.at_end(risk.close)
    service.add(BatchScoring(risk, service.telemetry, metrics))
    cleanup = service.add(Cleanup(database, clock=service.clock, metrics=metrics))
    service.beat("velocity cleanup", cleanup.turn, seconds=settings.cleanup_seconds)
    return service.app(
        routes,
        service_routes,
        config_router(watcher, metrics.shadow.reports),
        report=lambda: {"rates": rates.table(service.clock.now()) is not NO_RATES},
    )


def _rates(service: Service[RiskSettings], metrics: RiskMetrics) -> RatesFeed:
    """Return the feed of fx's rates, which a process that starts waits for a while."""
    settings = service.settings
    feed = service.add(
        RatesFeed(
            service.client("fx", settings.fx_url),
            clock=service.clock,
            telemetry=service.telemetry,
            metrics=metrics,
            poll_seconds=settings.rates_poll_seconds,
            max_age_seconds=settings.rates_max_age_seconds,
            grace_seconds=settings.rates_grace_seconds,
        )
    )
    service.at_end(feed.close)
    service.at_start(feed.start)
    service.needs("rates_settled", lambda: feed.settled)
    return feed

"""What webhooks is made of."""

from typing import Unpack

from fastapi import FastAPI

from kurs.config.reports import config_router
from kurs.config.resources import WebhooksDocument
from kurs.config.secrets import Secrets
from kurs.data.database import Database
from kurs.data.writer import Writer
from kurs.kernel.batching import BatchMetrics
from kurs.service import Joined, Service
from kurs.service.database import keep_database
from kurs.service.documents import follow_document
from webhooks.cleanup import Cleanup
from webhooks.courier import Trade
from webhooks.destinations import Destinations
from webhooks.dispatcher import Dispatcher
from webhooks.feed_client import FeedClient
from webhooks.intake import Intake
from webhooks.kept import KeptDocument
from webhooks.metrics import WebhookMetrics
from webhooks.migrations import VERSIONS
from webhooks.reports import Reports
from webhooks.routes import routes, sent
from webhooks.sender import Sender
from webhooks.service import WebhookService
from webhooks.settings import WebhooksSettings
from webhooks.standings import Standings
from webhooks.store.sending import record
from webhooks.trial import Trial

_LOOK_SECONDS = 1.0
_REPORT_SECONDS = 15.0
_CLEANUP_SECONDS = 60.0


def create_app(settings: WebhooksSettings, **joined: Unpack[Joined]) -> FastAPI:
    """Return the app; raises CannotRun without the keys of its edges."""
    service = Service("webhooks", settings, **joined)
    metrics = WebhookMetrics(service.telemetry)
    database = keep_database(service, VERSIONS)
    destinations = service.add(Destinations())
    memory = KeptDocument(database)
    watcher = follow_document(
        service, settings.config_dir, WebhooksDocument, destinations.apply, memory=memory
    )
    sender = service.add(
        Sender(settings.host_rules(), Secrets(settings.secrets_dir), service.clock)
    )
    _send(service, database, destinations, sender, metrics)
    standings = Standings(
        database, sender, service.clock, failing_after_days=settings.failing_after_days
    )
    reports = Reports(destinations, standings)
    service.at_end(reports.close)
    answering = service.add(
        WebhookService(
            database,
            destinations,
            standings,
            Trial(sender, service.clock),
            metrics=metrics,
            owner=settings.instance_name(),
            clock=service.clock,
            logger=service.telemetry.logger,
        )
    )
    service.beat("report", answering.report, seconds=_REPORT_SECONDS)
    cleanup = service.add(
        Cleanup(
            database,
            destinations,
            days=settings.retention_days,
            clock=service.clock,
            metrics=metrics,
        )
    )
    service.beat("cleanup", cleanup.turn, seconds=_CLEANUP_SECONDS)
    app = service.app(routes, config_router(watcher, reports.of_all))
    app.webhooks.include_router(sent)
    return app


def _send(
    service: Service[WebhooksSettings],
    database: Database,
    destinations: Destinations,
    sender: Sender,
    metrics: WebhookMetrics,
) -> None:
    """Take events in, and send them: each by itself, so that neither waits for the other."""
    settings, owner = service.settings, service.settings.instance_name()
    batches = BatchMetrics(service.telemetry.registry)
    trade = Trade(
        database=database,
        writer=Writer(
            database,
            record,
            name="webhooks-writer",
            keys=lambda sent: (sent.destination,),
            metrics=batches,
        ),
        destinations=destinations,
        sender=sender,
        metrics=metrics,
        settings=settings,
        owner=owner,
        clock=service.clock,
        logger=service.telemetry.logger,
    )
    dispatcher = service.add(Dispatcher(trade))
    intake = service.add(
        Intake(
            database=database,
            feed=FeedClient(service.client("payments", settings.payments_url)),
            destinations=destinations,
            metrics=metrics,
            registered=dispatcher.share_anew,
            owner=owner,
            clock=service.clock,
            logger=service.telemetry.logger,
        )
    )
    for close in (sender.close, trade.writer.close, dispatcher.close, intake.close):
        service.at_end(close)
    service.beat("intake", intake.run, seconds=_LOOK_SECONDS)
    service.beat("dispatch", lambda: dispatcher.run(intake.taken_in), seconds=_LOOK_SECONDS)

"""What payments does beside requests: heartbeats, each of a part of its own."""

from kurs.calls import ServiceClient
from kurs.data.database import Database
from kurs.service import Service
from payments.events.feed import EventFeed
from payments.figures.counting import Figures
from payments.flow.exposure import ExposureReader
from payments.flow.unfinished import Unfinished
from payments.metrics import PaymentMetrics
from payments.reconciliation.captures import Reconciliation
from payments.reconciliation.chains import Chains
from payments.reconciliation.ledger_reader import LedgerReader
from payments.service import PaymentService
from payments.settings import PaymentsSettings
from payments.store.event_order import append_late_events
from payments.sweeper import Sweeper

_FORGOTTEN_EVERY_SECONDS = 3600.0


def add_sweeps(
    service: Service[PaymentsSettings],
    database: Database,
    payments: PaymentService,
    exposure: ExposureReader,
    unfinished: Unfinished,
    metrics: PaymentMetrics,
) -> None:
    """Drive what nobody finishes, and give events that came late their place."""
    settings = service.settings
    sweeper = service.add(
        Sweeper(
            service=payments,
            database=database,
            exposure=exposure,
            unfinished=unfinished,
            settings=settings,
            metrics=metrics,
            telemetry=service.telemetry,
            clock=service.clock,
        )
    )

    async def place_late_events() -> None:
        oldest = await database.write(append_late_events)
        metrics.report_late_events(oldest, service.clock.now())

    service.beat("late events", place_late_events, seconds=settings.sweep_seconds)
    service.beat("sweep", sweeper.sweep, seconds=settings.sweep_seconds)


def add_figures(service: Service[PaymentsSettings], database: Database) -> None:
    """Count what happens to payments, apart from them, and forget what is too old."""
    settings = service.settings
    fx = service.client("fx", settings.fx_url, name="fx-rates")
    figures = service.add(Figures(database, fx, settings, service.clock))
    service.beat("figures", figures.count, seconds=settings.figures_seconds)
    service.beat("old figures", figures.forget, seconds=_FORGOTTEN_EVERY_SECONDS)


def add_comparisons(
    service: Service[PaymentsSettings],
    database: Database,
    wallet: ServiceClient,
    metrics: PaymentMetrics,
    feed: EventFeed,
) -> None:
    """Compare payments with the ledger now and then, from either side."""
    settings, telemetry, clock = service.settings, service.telemetry, service.clock
    known = Reconciliation(
        database=database, wallet=wallet, metrics=metrics, telemetry=telemetry, clock=clock
    )
    reader = LedgerReader(
        database=database,
        chains=service.add(Chains(wallet)),
        feed=feed,
        metrics=metrics,
        telemetry=telemetry,
        clock=clock,
    )
    service.beat("reconciliation", service.add(known).look, seconds=settings.reconcile_seconds)
    service.beat("ledger", service.add(reader).look, seconds=settings.ledger_seconds)

"""What payments is made of."""

from functools import partial
from typing import Any, Unpack

from fastapi import FastAPI

from kurs.data.database import Database
from kurs.data.long_reads import LongReads
from kurs.kernel.batching import BatchMetrics
from kurs.quotes.token import QuoteVerifier
from kurs.service import Joined, Service
from kurs.service.database import keep_database
from payments.accounts import AccountDirectory
from payments.assessment import Assessor, Dependencies
from payments.batches import BatchPaying
from payments.chains import Chains
from payments.clients import BatchClient
from payments.event_answers import EventTeller
from payments.event_document import webhooks
from payments.explanation import Explanations
from payments.exposure import ExposureReader
from payments.feed import EventFeed
from payments.figures import Figures
from payments.flow import Flow
from payments.ledger_reader import LedgerReader
from payments.metrics import PaymentMetrics
from payments.migrations import VERSIONS
from payments.paying import Paying
from payments.payment_reads import PaymentReads
from payments.read_routes import read_routes
from payments.reconciliation import Reconciliation
from payments.records import Records
from payments.routes import routes
from payments.service import PaymentService
from payments.service_routes import service_routes
from payments.settings import PaymentsSettings
from payments.steps import Steps
from payments.store.event_order import append_late_events
from payments.sweeper import Sweeper

_FORGOTTEN_EVERY = 3600.0


def create_app(settings: PaymentsSettings, **joined: Unpack[Joined]) -> FastAPI:
    """Return the app; raises CannotRun without the keys of its edges."""
    service = Service("payments", settings, **joined)
    metrics = PaymentMetrics(service.telemetry)
    batches = BatchMetrics(service.telemetry.registry)
    database = keep_database(service, VERSIONS)
    dependencies = _dependencies(service, batches)
    exposure = ExposureReader(database, settings, service.clock)
    feed = service.add(EventFeed(database, service.draining))
    records = Records(
        database=database,
        feed=feed,
        metrics=metrics,
        telemetry=service.telemetry,
        batches=batches,
    )
    service.at_end(records.close)
    service.add(EventTeller(metrics, service.telemetry))
    flow = _flow(service, dependencies, exposure, records, batches)
    payments = _use_cases(service, database, dependencies.accounts, flow)
    _add_sweeps(service, database, payments, exposure, metrics)
    _add_comparisons(service, database, dependencies.accounts, metrics, feed)
    service.add(PaymentReads(database, LongReads(database)))
    service.add(_explanations(service, database))
    _add_figures(service, database)
    app = service.app(routes, read_routes, service_routes)
    app.webhooks.include_router(webhooks())
    return app


def _flow(
    service: Service[PaymentsSettings],
    dependencies: Dependencies,
    exposure: ExposureReader,
    records: Records,
    batches: BatchMetrics,
) -> Flow:
    settings = service.settings
    quotes = QuoteVerifier(settings.quote_verify_keys_file, service.telemetry)
    flow = Flow(
        assessor=Assessor(dependencies, quotes, exposure, settings),
        steps=service.add(Steps(dependencies.wallet, settings, service.clock)),
        records=records,
        batches=batches,
    )
    service.at_end(flow.close)
    return flow


def _use_cases(
    service: Service[PaymentsSettings],
    database: Database,
    accounts: AccountDirectory,
    flow: Flow,
) -> PaymentService:
    """Add what routes call; return what works on payments that are there."""
    settings, clock = service.settings, service.clock
    paying = service.add(
        Paying(database=database, flow=flow, accounts=accounts, settings=settings, clock=clock)
    )
    service.add(BatchPaying(paying, service.telemetry))
    return service.add(
        PaymentService(
            database=database,
            flow=flow,
            accounts=accounts,
            settings=settings,
            telemetry=service.telemetry,
            clock=clock,
        )
    )


def _add_sweeps(
    service: Service[PaymentsSettings],
    database: Database,
    payments: PaymentService,
    exposure: ExposureReader,
    metrics: PaymentMetrics,
) -> None:
    settings = service.settings
    sweeper = service.add(
        Sweeper(
            service=payments,
            database=database,
            exposure=exposure,
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


def _dependencies(service: Service[PaymentsSettings], batches: BatchMetrics) -> Dependencies:
    settings = service.settings

    def batch(callee: str, url: str, path: str, name: str = "") -> BatchClient[Any, Any]:
        name = name or callee
        client = service.client(callee, url, name=name, timeout_seconds=settings.payment_seconds)
        made: BatchClient[Any, Any] = BatchClient(
            client, path, telemetry=service.telemetry, metrics=batches
        )
        chosen = service.add(made, name)
        service.at_end(chosen.close)
        return chosen

    accounts = service.client(
        "wallet",
        settings.wallet_url,
        name="wallet-accounts",
        timeout_seconds=settings.payment_seconds,
    )
    return Dependencies(
        accounts=service.add(AccountDirectory(accounts, metrics=batches)),
        risk=batch("risk", settings.risk_url, "/score/batch"),
        limits=batch("risk", settings.risk_url, "/exposure/batch", name="risk-exposure"),
        fx=batch("fx", settings.fx_url, "/quotes/batch"),
        wallet=batch("wallet", settings.wallet_url, "/transfers/batch"),
    )


def _explanations(service: Service[PaymentsSettings], database: Database) -> Explanations:
    """Ask by clients of their own: a story that gets no answer keeps no payment from asking."""
    settings = service.settings
    client = partial(service.client, timeout_seconds=settings.payment_seconds)
    return Explanations(
        database,
        client("wallet", settings.wallet_url, name="wallet-transfers"),
        client("risk", settings.risk_url, name="risk-decisions"),
    )


def _add_figures(service: Service[PaymentsSettings], database: Database) -> None:
    """Count what happens to payments, apart from them, and forget what is too old."""
    settings = service.settings
    fx = service.client("fx", settings.fx_url, name="fx-rates")
    figures = service.add(Figures(database, fx, settings, service.clock))
    service.beat("figures", figures.count, seconds=settings.figures_seconds)
    service.beat("old figures", figures.forget, seconds=_FORGOTTEN_EVERY)


def _add_comparisons(
    service: Service[PaymentsSettings],
    database: Database,
    accounts: AccountDirectory,
    metrics: PaymentMetrics,
    feed: EventFeed,
) -> None:
    """Compare payments with the ledger now and then, from either side."""
    settings, telemetry, clock = service.settings, service.telemetry, service.clock
    known = Reconciliation(
        database=database,
        wallet=accounts.client,
        metrics=metrics,
        telemetry=telemetry,
        clock=clock,
    )
    reader = LedgerReader(
        database=database,
        chains=service.add(Chains(accounts.client)),
        feed=feed,
        metrics=metrics,
        telemetry=telemetry,
        clock=clock,
    )
    service.beat("reconciliation", service.add(known).look, seconds=settings.reconcile_seconds)
    service.beat("ledger", service.add(reader).look, seconds=settings.ledger_seconds)

"""What payments is made of."""

from functools import partial
from typing import Any, NamedTuple, Unpack

from fastapi import FastAPI

from kurs.contracts.fx import QuoteItem, QuoteResult
from kurs.contracts.risk import ExposureItem, ExposureResult, ScoreItem, ScoreResult
from kurs.contracts.wallet import TransferItem, TransferResult
from kurs.data.database import Database
from kurs.data.long_reads import LongReads
from kurs.kernel.batching import BatchMetrics
from kurs.quotes.token import QuoteVerifier
from kurs.service import Joined, Service
from kurs.service.database import keep_database
from payments.accounts import AccountDirectory
from payments.background import add_comparisons, add_figures, add_sweeps
from payments.batches import BatchPaying
from payments.clients import BatchClient
from payments.events.answers import EventTeller
from payments.events.document import webhooks
from payments.events.feed import EventFeed
from payments.flow.assessment import Assessor
from payments.flow.commits import Commits
from payments.flow.exposure import ExposureReader
from payments.flow.payment_assessment import PaymentAssessor
from payments.flow.records import Records
from payments.flow.refund_assessment import RefundAssessor
from payments.flow.steps import Steps
from payments.flow.unfinished import Unfinished
from payments.flow.waves import Flow
from payments.metrics import PaymentMetrics
from payments.migrations import VERSIONS
from payments.paying import Paying
from payments.reading.explanation import Explanations
from payments.reading.routes import read_routes
from payments.reading.service import PaymentReads
from payments.routes import routes
from payments.service import PaymentService
from payments.service_routes import service_routes
from payments.settings import PaymentsSettings


def create_app(settings: PaymentsSettings, **joined: Unpack[Joined]) -> FastAPI:
    """Return the app; raises CannotRun without the keys of its edges."""
    service = Service("payments", settings, **joined)
    metrics = PaymentMetrics(service.telemetry)
    batches = BatchMetrics(service.telemetry.registry)
    database = keep_database(service, VERSIONS)
    dependencies = _dependencies(service, batches)
    exposure = ExposureReader(database, settings, service.clock)
    feed = service.add(EventFeed(database, service.draining))
    commits = Commits(database, service.telemetry, batches)
    service.at_end(commits.close)
    unfinished = Unfinished()
    records = Records(
        commits=commits,
        database=database,
        unfinished=unfinished,
        feed=feed,
        metrics=metrics,
        telemetry=service.telemetry,
    )
    service.add(EventTeller(metrics, service.telemetry))
    flow = Flow(
        commits=commits,
        assessor=_assessor(service, dependencies, exposure),
        steps=service.add(Steps(dependencies.wallet, settings, service.clock)),
        records=records,
        batches=batches,
    )
    service.at_end(flow.close)
    payments = _use_cases(service, database, dependencies.accounts, flow)
    add_sweeps(service, database, payments, exposure, unfinished, metrics)
    add_comparisons(service, database, dependencies.accounts.client, metrics, feed)
    service.add(PaymentReads(database, LongReads(database)))
    service.add(_explanations(service, database))
    add_figures(service, database)
    app = service.app(routes, read_routes, service_routes)
    app.webhooks.include_router(webhooks())
    return app


class _Dependencies(NamedTuple):
    """The services that a payment goes through."""

    accounts: AccountDirectory
    risk: BatchClient[ScoreItem, ScoreResult]
    limits: BatchClient[ExposureItem, ExposureResult]
    fx: BatchClient[QuoteItem, QuoteResult]
    wallet: BatchClient[TransferItem, TransferResult]


def _assessor(
    service: Service[PaymentsSettings], asked: _Dependencies, exposure: ExposureReader
) -> Assessor:
    settings = service.settings
    quotes = QuoteVerifier(settings.quote_verify_keys_file, service.telemetry)
    return Assessor(
        PaymentAssessor(
            accounts=asked.accounts, risk=asked.risk, fx=asked.fx, quotes=quotes, exposure=exposure
        ),
        RefundAssessor(limits=asked.limits, fx=asked.fx, exposure=exposure, settings=settings),
    )


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


def _dependencies(service: Service[PaymentsSettings], batches: BatchMetrics) -> _Dependencies:
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
    return _Dependencies(
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

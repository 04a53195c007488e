"""The composition root of payments."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI

from kurs.calls import AiohttpTransport, ServiceClient, Transport
from kurs.data.database import Database
from kurs.data.migrations import ensure_schema
from kurs.edges import Edges
from kurs.kernel.batching import BatchMetrics
from kurs.kernel.clock import Clock, SystemClock
from kurs.quotes.token import QuoteVerifier
from kurs.telemetry import Telemetry
from kurs.web.app import create_app as create_kurs_app
from kurs.web.heartbeat import Heartbeat, beating
from payments.assessment import Assessor, Dependencies
from payments.clients import AccountDirectory, BatchClient
from payments.exposure import Exposure
from payments.feed import Feed
from payments.flow import Flow
from payments.metrics import PaymentMetrics
from payments.migrations import VERSIONS
from payments.reconciler import Reconciler
from payments.routes import routes
from payments.service import PaymentService
from payments.settings import PaymentsSettings
from payments.steps import Steps
from payments.strangers import Strangers
from payments.sweeper import Sweeper


def create_app(
    settings: PaymentsSettings,
    *,
    clock: Clock | None = None,
    transport: Transport | None = None,
    telemetry: Telemetry | None = None,
) -> FastAPI:
    """Return the payments app; `clock`, `transport` and `telemetry` are for joining in process.

    Raises CannotRun without the keys of its edges.
    """
    clock = clock or SystemClock()
    transport = transport or AiohttpTransport()
    telemetry = telemetry or Telemetry.of(settings)
    edges = Edges("payments", settings, clock=clock, telemetry=telemetry)
    parts = _assemble(
        settings, clock, transport, telemetry, edges, lambda: bool(app.state.draining)
    )
    heartbeats = _heartbeats(parts, settings, telemetry)
    ready = {"database": False}

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await ensure_schema(parts.database, settings.database_url, VERSIONS)
        ready["database"] = True
        async with beating(*heartbeats):
            yield
        await parts.close()
        await transport.close()
        await parts.database.close()
        telemetry.shutdown()

    app = create_kurs_app(
        title="Kurs payments",
        settings=settings,
        telemetry=telemetry,
        lifespan=lifespan,
        readiness=lambda: ready,
        guard=edges.guard,
    )
    app.include_router(routes)
    app.state.parts = parts
    app.state.service = parts.service
    app.state.feed = parts.feed
    app.state.sweeper = parts.sweeper
    app.state.reconciler = parts.reconciler
    app.state.strangers = parts.strangers
    return app


@dataclass(frozen=True, slots=True)
class _Parts:
    """What one app is made of."""

    database: Database
    dependencies: Dependencies
    feed: Feed
    flow: Flow
    service: PaymentService
    sweeper: Sweeper
    reconciler: Reconciler
    strangers: Strangers

    async def close(self) -> None:
        """Wait for what is under way, the flow first: it goes through the clients."""
        await self.flow.close()
        for client in (self.dependencies.risk, self.dependencies.fx, self.dependencies.wallet):
            await client.close()


def _assemble(
    settings: PaymentsSettings,
    clock: Clock,
    transport: Transport,
    telemetry: Telemetry,
    edges: Edges,
    draining: Callable[[], bool],
) -> _Parts:
    batches = BatchMetrics(telemetry.registry)
    metrics = PaymentMetrics(telemetry)
    database = Database.open(settings.database_url, telemetry)
    feed = Feed(database, draining)
    dependencies = _dependencies(settings, transport, telemetry, batches, edges)
    quotes = QuoteVerifier(settings.quote_verify_keys_file, telemetry)
    exposure = Exposure(database, settings, clock)
    flow = Flow(
        database=database,
        steps=Steps(dependencies, settings, clock, Assessor(dependencies, quotes, exposure)),
        feed=feed,
        metrics=metrics,
        telemetry=telemetry,
        batches=batches,
    )
    service = PaymentService(
        database=database,
        flow=flow,
        accounts=dependencies.accounts,
        settings=settings,
        telemetry=telemetry,
        batches=batches,
        clock=clock,
    )
    sweeper = Sweeper(
        service=service,
        database=database,
        exposure=exposure,
        settings=settings,
        metrics=metrics,
        telemetry=telemetry,
        clock=clock,
    )
    wallet = dependencies.accounts.client
    reconciler = Reconciler(
        database=database, wallet=wallet, metrics=metrics, telemetry=telemetry, clock=clock
    )
    strangers = Strangers(
        database=database, wallet=wallet, metrics=metrics, telemetry=telemetry, clock=clock
    )
    return _Parts(database, dependencies, feed, flow, service, sweeper, reconciler, strangers)


def _heartbeats(
    parts: _Parts, settings: PaymentsSettings, telemetry: Telemetry
) -> tuple[Heartbeat, ...]:
    looks = {"reconciliation": parts.reconciler.look, "strangers": parts.strangers.look}
    return (
        Heartbeat(
            "sweep", parts.sweeper.sweep, seconds=settings.sweep_seconds, telemetry=telemetry
        ),
        *(
            Heartbeat(name, look, seconds=settings.reconcile_seconds, telemetry=telemetry)
            for name, look in looks.items()
        ),
    )


def _dependencies(
    settings: PaymentsSettings,
    transport: Transport,
    telemetry: Telemetry,
    batches: BatchMetrics,
    edges: Edges,
) -> Dependencies:
    def client(name: str, callee: str, url: str) -> ServiceClient:
        return ServiceClient(
            name,
            url,
            transport,
            telemetry=telemetry,
            signer=edges.signer(callee),
            timeout=settings.payment_timeout,
        )

    def batch(name: str, url: str, path: str) -> BatchClient:
        return BatchClient(client(name, name, url), path, telemetry=telemetry, metrics=batches)

    wallet = client("wallet-accounts", "wallet", settings.wallet_url)
    accounts = AccountDirectory(wallet, metrics=batches)
    return Dependencies(
        accounts=accounts,
        risk=batch("risk", settings.risk_url, "/score/batch"),
        fx=batch("fx", settings.fx_url, "/quotes/batch"),
        wallet=batch("wallet", settings.wallet_url, "/transfers/batch"),
    )

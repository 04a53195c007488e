"""Puts the wallet together."""

import contextlib
import zlib
from collections.abc import AsyncIterator
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from kurs.calls import Transport
from kurs.data.database import Database
from kurs.data.migrations import ensure_schema
from kurs.edges import Edges
from kurs.kernel.batching import BatchMetrics
from kurs.kernel.clock import Clock, SystemClock
from kurs.quotes.token import QuoteVerifier
from kurs.telemetry import Telemetry
from kurs.web.app import create_app as create_kurs_app
from kurs.web.heartbeat import Heartbeat, beating
from wallet.audit import Audit
from wallet.directory import AccountDirectory
from wallet.domain.heads import read_private_key
from wallet.expiry import release_expired
from wallet.ledger import Ledger
from wallet.metrics import WalletMetrics
from wallet.migrations import VERSIONS
from wallet.publication import HeadPublisher
from wallet.routes import merchant_routes
from wallet.schemas.batch import AccountLookup, TransferBatch
from wallet.service import Wallet
from wallet.service_routes import service_routes
from wallet.settings import WalletSettings
from wallet.store.tables import STRIPES


def create_app(
    settings: WalletSettings,
    *,
    clock: Clock | None = None,
    transport: Transport | None = None,  # noqa: ARG001 - all services are made alike; it calls none
    telemetry: Telemetry | None = None,
) -> FastAPI:
    """Return the wallet as an ASGI app; its lifespan opens and closes what it holds.

    Raises CannotRun without the keys of its edges.
    """
    clock = clock or SystemClock()
    telemetry = telemetry or Telemetry.of(settings)
    edges = Edges("wallet", settings, clock=clock, telemetry=telemetry)
    database = Database.open(settings.database_url, telemetry)
    metrics = WalletMetrics(telemetry)
    quotes = QuoteVerifier(settings.quote_verify_keys_file, telemetry)
    ledger = Ledger(
        database,
        clock=clock,
        stripe=stripe_of(settings.instance_name()),
        telemetry=telemetry,
        metrics=metrics,
        batch_metrics=BatchMetrics(telemetry.registry),
        ceilings=settings.ceilings(),
    )
    wallet = Wallet(
        database,
        ledger,
        AccountDirectory(database),
        clock,
        telemetry.logger,
        settings.overdraft_max_minor,
    )
    heads = HeadPublisher(database, clock, metrics, telemetry.logger, _ledger_key(settings))
    expiry, *others = _background(settings, wallet, heads, metrics, telemetry)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            await ensure_schema(database, settings.database_url, VERSIONS)
            async with beating(expiry, *others):
                yield
        finally:
            await ledger.close()
            await database.close()
            telemetry.shutdown()

    app = create_kurs_app(
        title="Kurs wallet",
        settings=settings,
        telemetry=telemetry,
        lifespan=lifespan,
        readiness=lambda: {"database": expiry.healthy},
        guard=edges.guard,
    )
    app.include_router(service_routes(wallet, quotes, heads))
    app.include_router(merchant_routes(wallet))
    _document_batches(app)
    return app


def stripe_of(instance: str) -> int:
    """Return the stripe of the house's accounts that a process writes, by its name."""
    return zlib.crc32(instance.encode()) % STRIPES


def _ledger_key(settings: WalletSettings) -> Ed25519PrivateKey | None:
    file = settings.ledger_signing_key_file
    return None if file is None else read_private_key(file)


def _background(
    settings: WalletSettings,
    wallet: Wallet,
    heads: HeadPublisher,
    metrics: WalletMetrics,
    telemetry: Telemetry,
) -> tuple[Heartbeat, ...]:
    """Return what works beside the requests, the release of holds first."""
    database, clock = wallet.database, wallet.clock
    audit = Audit(
        database,
        clock,
        metrics,
        telemetry.logger,
        whole_seconds=settings.audit_whole_interval,
    )
    return (
        Heartbeat(
            "hold expiry",
            lambda: release_expired(database, wallet.ledger, clock),
            seconds=settings.hold_expiry_interval,
            telemetry=telemetry,
        ),
        Heartbeat("audit", audit.run, seconds=settings.audit_interval, telemetry=telemetry),
        Heartbeat(
            "ledger head", heads.publish, seconds=settings.head_interval, telemetry=telemetry
        ),
    )


def _document_batches(app: FastAPI) -> None:
    """Add the bodies that are read from bytes, which FastAPI does not see, to the document."""
    document = app.openapi

    def openapi() -> dict[str, Any]:
        described = document()
        _, schemas = models_json_schema(
            [(TransferBatch, "validation"), (AccountLookup, "validation")],
            ref_template="#/components/schemas/{model}",
        )
        described["components"]["schemas"].update(schemas["$defs"])
        return described

    app.openapi = openapi  # type: ignore[method-assign]

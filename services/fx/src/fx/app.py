"""The composition root of fx."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from fastapi import FastAPI

from fx.board import RateBoard
from fx.domain.open_quotes import OpenQuotes
from fx.metrics import FxMetrics, OpenQuotesCollector
from fx.routes import quotes_router, rates_router
from fx.service import RateService
from fx.settings import FxSettings
from kurs.calls import Transport
from kurs.config.documents import DocumentWatcher, config_router
from kurs.config.resources import FxDocument
from kurs.edges import Edges
from kurs.kernel.clock import Clock, SystemClock
from kurs.quotes.token import QuoteSigner
from kurs.telemetry import Telemetry
from kurs.web.app import create_app as create_kurs_app


def create_app(
    settings: FxSettings,
    *,
    clock: Clock | None = None,
    transport: Transport | None = None,  # noqa: ARG001 (fx calls no other service)
    telemetry: Telemetry | None = None,
) -> FastAPI:
    """Return the app; raises CannotRun without its keys, those of quotes and of edges."""
    clock = clock or SystemClock()
    telemetry = telemetry or Telemetry.of(settings)
    edges = Edges("fx", settings, clock=clock, telemetry=telemetry)
    metrics = FxMetrics(telemetry)
    board = RateBoard(settings, clock=clock, telemetry=telemetry, metrics=metrics)
    watcher = DocumentWatcher(settings.config_dir, FxDocument, telemetry=telemetry, clock=clock)
    watcher.subscribe(board.apply)
    open_quotes = OpenQuotes()
    telemetry.registry.register(OpenQuotesCollector(open_quotes, clock))
    service = RateService(
        board,
        signer=QuoteSigner(settings.quote_signing_keys_file, telemetry),
        open_quotes=open_quotes,
        ttl_seconds=settings.quote_ttl_seconds,
        clock=clock,
        telemetry=telemetry,
        metrics=metrics,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await watcher.start()
        yield
        await watcher.close()
        await board.close()
        telemetry.shutdown()

    def readiness() -> Mapping[str, bool]:
        return {"configuration": watcher.ready, "rates": board.has_served()}

    app = create_kurs_app(
        title="Kurs fx",
        settings=settings,
        telemetry=telemetry,
        lifespan=lifespan,
        readiness=readiness,
        guard=edges.guard,
    )
    app.state.board = board
    app.include_router(rates_router(service))
    app.include_router(quotes_router(service))
    app.include_router(config_router(watcher, board.reports))
    return app

"""What fx is made of."""

from typing import Unpack

from fastapi import FastAPI

from fx.batches import BatchQuoting
from fx.board import RateBoard
from fx.domain.open_quotes import OpenQuotes
from fx.metrics import FxMetrics, OpenQuotesCollector
from fx.routes import routes
from fx.service import RateService
from fx.service_routes import service_routes
from fx.settings import FxSettings
from kurs.config.reports import config_router
from kurs.config.resources import FxDocument
from kurs.quotes.token import QuoteSigner
from kurs.service import Joined, Service
from kurs.service.documents import follow_document


def create_app(settings: FxSettings, **joined: Unpack[Joined]) -> FastAPI:
    """Return the app; raises CannotRun without its keys, those of quotes and of edges."""
    service = Service("fx", settings, **joined)
    clock, telemetry = service.clock, service.telemetry
    metrics = FxMetrics(telemetry)
    board = service.add(RateBoard(settings, clock=clock, telemetry=telemetry, metrics=metrics))
    service.at_end(board.close)
    watcher = follow_document(service, settings.config_dir, FxDocument, board.apply)
    service.needs("rates", board.has_served)
    open_quotes = service.add(OpenQuotes())
    telemetry.registry.register(OpenQuotesCollector(open_quotes, clock))
    rates = service.add(
        RateService(
            board,
            signer=QuoteSigner(settings.quote_signing_keys_file, telemetry),
            open_quotes=open_quotes,
            ttl_seconds=settings.quote_ttl_seconds,
            clock=clock,
            metrics=metrics,
        )
    )
    service.add(BatchQuoting(rates, telemetry, metrics))
    return service.app(routes, service_routes, config_router(watcher, board.reports))

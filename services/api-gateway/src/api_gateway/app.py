"""The composition root: keys, limits, upstreams, and the proxy before the gateway's own pages."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.types import ASGIApp

from api_gateway.access_log import AccessLog
from api_gateway.admission import Shares
from api_gateway.authentication import Authenticator
from api_gateway.body import BodyReader
from api_gateway.catalogue import Catalogue
from api_gateway.key_watch import KeyWatch
from api_gateway.keystore import KeyStore
from api_gateway.metrics import GatewayMetrics
from api_gateway.pace import Pace
from api_gateway.pages import page_routes
from api_gateway.proxy import Gate, Proxy
from api_gateway.rate_limit import RateLimit
from api_gateway.settings import GatewaySettings
from api_gateway.upstreams import Upstreams
from kurs.calls import AiohttpTransport, Transport
from kurs.edges import Edges
from kurs.kernel.clock import Clock, SystemClock
from kurs.telemetry import Telemetry
from kurs.web.app import create_app as create_kurs_app


def create_app(
    settings: GatewaySettings,
    *,
    clock: Clock | None = None,
    transport: Transport | None = None,
    telemetry: Telemetry | None = None,
) -> FastAPI:
    """Return the app; it is ready once a keys file was read, whatever the services do.

    Raises CannotRun without the keys of its edges.
    """
    telemetry = telemetry or Telemetry.of(settings)
    metrics = GatewayMetrics(telemetry)
    clock = clock or SystemClock()
    keys = KeyStore(settings.api_keys_file, settings.platform())
    watch = KeyWatch(
        keys,
        metrics,
        telemetry.logger,
        clock,
        poll_seconds=settings.api_keys_poll_seconds,
        warning_days=settings.key_expiry_warning_days,
    )
    edges = Edges("api-gateway", settings, clock=clock, telemetry=telemetry)
    upstreams = Upstreams(settings, transport or _transport(settings), telemetry, edges)
    gate = _gate(settings, keys, clock)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        watch.look()
        tasks = [asyncio.create_task(watch.run()), asyncio.create_task(catalogue.run())]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await upstreams.close()
        telemetry.shutdown()

    app = create_kurs_app(
        title="Kurs api-gateway",
        settings=settings,
        telemetry=telemetry,
        lifespan=lifespan,
        readiness=lambda: {"keys": keys.loaded},
        report=lambda: {"upstreams": upstreams.states()},
        front=_front(settings, gate, upstreams, metrics, telemetry, lambda: app.state.draining),
        balanced=True,
        trust_traceparent=settings.trust_traceparent,
        take_baggage=False,
    )
    catalogue = _with_pages(app, settings, upstreams, telemetry)
    app.state.catalogue, app.state.keys = catalogue, keys
    metrics.watch(
        in_flight=lambda: gate.requests.taken,
        streams=lambda: gate.streams.taken,
        bodies=lambda: gate.bodies.places.taken,
        body_bytes=lambda: gate.memory.taken,
        keys=lambda: len(keys),
        keys_expiring=watch.expiring,
    )
    return app


def _with_pages(
    app: FastAPI, settings: GatewaySettings, upstreams: Upstreams, telemetry: Telemetry
) -> Catalogue:
    """Add the gateway's pages, and return what keeps the document of the whole API."""
    catalogue = Catalogue(
        app.openapi(),
        upstreams,
        telemetry.logger,
        refresh_seconds=settings.openapi_refresh_seconds,
    )
    app.openapi = lambda: dict(catalogue.current.document)  # type: ignore[method-assign]
    # Before the framework's own route of the same path, which would render the document each time.
    app.router.routes[:0] = page_routes(settings, lambda: catalogue.current)
    return catalogue


def _front(
    settings: GatewaySettings,
    gate: Gate,
    upstreams: Upstreams,
    metrics: GatewayMetrics,
    telemetry: Telemetry,
    draining: Callable[[], bool],
) -> Callable[[ASGIApp], ASGIApp]:
    """Return what puts the proxy before the gateway's own routes."""
    access_log = AccessLog(telemetry.logger, gate.addresses) if settings.access_log else None

    def front(behind: ASGIApp) -> ASGIApp:
        return Proxy(
            behind,
            gate=gate,
            upstreams=upstreams,
            metrics=metrics,
            logger=telemetry.logger,
            draining=draining,
            access_log=access_log,
        )

    return front


def _gate(settings: GatewaySettings, keys: KeyStore, clock: Clock) -> Gate:
    addresses = settings.client_addresses()
    return Gate(
        addresses=addresses,
        authenticator=Authenticator(keys, addresses, clock),
        rate_limit=RateLimit(settings.rate_limit),
        bodies=BodyReader(
            settings.max_body_bytes,
            settings.body_seconds,
            Shares(settings.max_bodies, "bodies"),
        ),
        memory=Shares(settings.max_body_memory, "bytes"),
        requests=Shares(settings.max_in_flight, "requests"),
        streams=Shares(
            settings.max_streams, "event streams", most=settings.max_streams_per_merchant
        ),
        pace=Pace(settings.free_refusals),
    )


def _transport(settings: GatewaySettings) -> Transport:
    # As many connections as requests can be in flight: a request never waits for a free one.
    return AiohttpTransport(limit=settings.max_in_flight + settings.max_streams)

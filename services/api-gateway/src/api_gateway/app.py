"""What the gateway is made of: keys, limits, upstreams, and the proxy before its own pages."""

from collections.abc import Callable
from typing import Unpack

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
from api_gateway.payment_batches import PaymentBatches
from api_gateway.proxy import Gate, Proxy
from api_gateway.rate_limit import RateLimit
from api_gateway.routes import routes
from api_gateway.settings import GatewaySettings
from api_gateway.upstreams import Upstreams
from kurs.kernel.batching import BatchMetrics
from kurs.kernel.clock import Clock
from kurs.service import Joined, Service

_EXPORTS_PER_MERCHANT = 2


def create_app(settings: GatewaySettings, **joined: Unpack[Joined]) -> FastAPI:
    """Return the app; it is ready once a keys file was read, whatever the services do.

    Raises CannotRun without the keys of its edges.
    """
    # As many connections as requests can be in flight: a request never waits for a free one.
    connections_max = settings.max_requests + settings.max_streams
    service = Service("api-gateway", settings, connections_max=connections_max, **joined)
    metrics = GatewayMetrics(service.telemetry)
    keys = service.add(KeyStore(settings.api_keys_file, settings.platform()))
    watch = _key_watch(service, keys, metrics)
    upstreams = _upstreams(service)
    gate = _gate(settings, keys, service.clock)
    payments = PaymentBatches(
        upstreams,
        telemetry=service.telemetry,
        metrics=BatchMetrics(service.telemetry.registry),
        request_seconds=settings.request_seconds,
    )
    service.at_end(payments.close)
    app = service.app(
        routes,
        report=lambda: {"upstreams": upstreams.states()},
        guard=None,
        front=_front(service, gate, upstreams, payments, metrics),
        balanced=True,
        trust_traceparent=settings.trust_traceparent,
        take_baggage=False,
    )
    _add_pages(app, service, upstreams)
    metrics.watch(
        in_flight=lambda: gate.requests.taken,
        streams=lambda: gate.streams.taken,
        bodies=lambda: gate.bodies.places.taken,
        body_bytes=lambda: gate.memory.taken,
        keys=lambda: len(keys),
        keys_expiring=watch.expiring,
    )
    return app


def _key_watch(
    service: Service[GatewaySettings], keys: KeyStore, metrics: GatewayMetrics
) -> KeyWatch:
    watch = KeyWatch(
        keys,
        metrics,
        service.telemetry.logger,
        service.clock,
        warning_days=service.settings.key_expiry_warning_days,
    )
    service.at_start(watch.look)
    service.beat("keys", watch.look, seconds=service.settings.api_keys_poll_seconds)
    service.needs("keys", lambda: keys.loaded)
    return watch


def _upstreams(service: Service[GatewaySettings]) -> Upstreams:
    seconds = service.settings.request_seconds
    clients = {
        name: service.client(name, url, timeout_seconds=seconds, retries=0)
        for name, url in service.settings.service_urls().items()
    }
    return service.add(Upstreams(clients, request_seconds=seconds))


def _add_pages(app: FastAPI, service: Service[GatewaySettings], upstreams: Upstreams) -> None:
    """Add the gateway's pages, and keep the document of the whole API up to date."""
    catalogue = service.add(
        Catalogue(
            app.openapi(),
            upstreams,
            service.telemetry.logger,
            refresh_seconds=service.settings.openapi_refresh_seconds,
        )
    )
    service.background(catalogue.run)
    app.openapi = lambda: dict(catalogue.current.document)  # type: ignore[method-assign]
    # Before the framework's own route of the same path, which would render the document each time.
    app.router.routes[:0] = page_routes(service.settings, lambda: catalogue.current)


def _front(
    service: Service[GatewaySettings],
    gate: Gate,
    upstreams: Upstreams,
    payments: PaymentBatches,
    metrics: GatewayMetrics,
) -> Callable[[ASGIApp], ASGIApp]:
    """Return what puts the proxy before the gateway's own routes."""
    logger = service.telemetry.logger
    access_log = AccessLog(logger, gate.addresses) if service.settings.access_log else None

    def front(behind: ASGIApp) -> ASGIApp:
        return Proxy(
            behind,
            gate=gate,
            upstreams=upstreams,
            payments=payments,
            metrics=metrics,
            logger=logger,
            draining=service.draining,
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
        memory=Shares(settings.max_body_memory_bytes, "bytes"),
        requests=Shares(settings.max_requests, "requests"),
        streams=Shares(
            settings.max_streams, "event streams", most=settings.max_streams_per_merchant
        ),
        exports=Shares(settings.max_streams, "exports", most=_EXPORTS_PER_MERCHANT),
        pace=Pace(settings.free_refusals_per_second),
    )

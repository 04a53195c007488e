"""The apps of a world's processes, made by the services' own `create_app`.

Making one costs as much as some payments, and each is the same in every world: spare ones are made
before worlds begin, each with the process that it is an incarnation of. They find their files
below the folder that a world works in, and reach its clock and its network through `Lent`.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, redirect_stdout
from io import StringIO
from itertools import chain
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from api_gateway import catalogue
from api_gateway.api_schemas import Document
from api_gateway.app import create_app as create_gateway
from api_gateway.catalogue import Rendered
from api_gateway.settings import GatewaySettings
from fx.app import create_app as create_fx
from fx.settings import FxSettings
from kurs.calls.message import Request, Response, StreamedResponse
from kurs.telemetry import Telemetry
from payments.app import create_app as create_payments
from payments.settings import PaymentsSettings
from risk.app import create_app as create_risk
from risk.settings import RiskSettings
from simulation.documents import QUOTE_SECONDS
from simulation.loop import context_of
from simulation.network import Network, addresses
from simulation.process import Process, WorldClock
from simulation.statements import share_statements
from simulation.topology import REPLICAS, WEBHOOKS
from wallet.app import create_app as create_wallet
from wallet.settings import WalletSettings
from webhooks.app import create_app as create_webhooks
from webhooks.settings import WebhooksSettings

_CREATE: dict[str, tuple[Callable[..., FastAPI], type[Any]]] = {
    "gateway": (create_gateway, GatewaySettings),
    "payments": (create_payments, PaymentsSettings),
    "fx": (create_fx, FxSettings),
    "wallet": (create_wallet, WalletSettings),
    "risk": (create_risk, RiskSettings),
    "webhooks": (create_webhooks, WebhooksSettings),
}
# Shorter than as shipped, so that a world sees the end of what it begins; looks are rarer.
_PATIENCE: dict[str, dict[str, Any]] = {
    # One key does everything here.
    "payments": {
        "four_eyes": False,
        "give_up_seconds": 30.0,
        "exchange_hold_seconds": 20.0,
        "hold_seconds": 30.0,
        "refund_rate_window_seconds": 20.0,
        "sweep_seconds": 2.0,
    },
    "gateway": {"api_keys_poll_seconds": 5.0, "openapi_refresh_seconds": 600.0},
    "wallet": {"hold_expiry_seconds": 2.0},
    "fx": {"quote_ttl_seconds": QUOTE_SECONDS},
}
_SPARE = {"gateway": 4, "payments": 4, "risk": 3, "webhooks": 3}
"""Incarnations of each process that are made ahead; what reads a clock while it is made is not."""


class Lent:
    """The clock and the network of the world that runs: what apps hold is for every world."""

    def __init__(self) -> None:
        self._clock: WorldClock | None = None
        self._network: Network | None = None

    def of(self, clock: WorldClock, network: Network) -> None:
        """Be those of a world from now on."""
        self._clock, self._network = clock, network

    def now(self) -> int:
        """Return what the world's clock says; there is none before a world begins."""
        assert self._clock is not None, "an app that reads a clock when it is made is not spare"
        return self._clock.now()

    async def send(self, request: Request) -> Response:
        """Return the whole answer, as the world's network does."""
        assert self._network is not None
        return await self._network.send(request)

    def stream(self, request: Request) -> AbstractAsyncContextManager[StreamedResponse]:
        """Return an answer to be read in pieces."""
        assert self._network is not None
        return self._network.stream(request)

    async def close(self) -> None:
        """Do nothing: others use it."""


LENT = Lent()
_spare: dict[str, list[tuple[Process, FastAPI]]] = {}
_documents: dict[str, dict[str, Any]] = {}
_rendered: dict[tuple[str, ...], Rendered] = {}


def keep_spare(prepared: Path) -> None:
    """Make apps ahead, for worlds that begin with what is `prepared`."""
    apart = share_statements()
    # What they log is nobody's, as in a world.
    with redirect_stdout(StringIO()):
        for service, each in _SPARE.items():
            for number in range(1, {**REPLICAS, **WEBHOOKS}[service] + 1):
                name = f"{service}-{number}"
                _spare[name] = [_made(Process(name), prepared) for _ in range(each)]
    for _, app in chain.from_iterable(_spare.values()):
        _find_routes(app)
    apart()


def next_of(name: str) -> tuple[Process, FastAPI | None]:
    """Return the next incarnation of a process, and its app unless that is to be made."""
    spare = _spare.get(name)
    return spare.pop() if spare else (Process(name), None)


def make(process: Process, prepared: Path) -> FastAPI:
    """Make the app of a process, whose step this is: an app may keep the context it is made in."""
    service = process.service
    create, settings = _CREATE[service]
    own = settings(**_settings(service, process.name, prepared))
    app = create(own, clock=LENT, transport=LENT, telemetry=Telemetry.of(own))
    describe = app.openapi
    # The same for each incarnation, and much to compute.
    app.openapi = lambda: _described(service, describe)  # type: ignore[method-assign]
    return app


def _made(process: Process, prepared: Path) -> tuple[Process, FastAPI]:
    return process, context_of(process).run(make, process, prepared)


def _settings(service: str, name: str, prepared: Path) -> dict[str, Any]:
    urls = {f"{other}_url": url for other, url in addresses((*REPLICAS, *WEBHOOKS)).items()}
    return {
        **urls,
        "service": service,
        "instance": name,
        "database_url": f"sqlite:///{service}.db",
        "config_dir": Path("config", name),
        "quote_signing_keys_file": prepared / "quote-signing-keys.pem",
        "edge_keys_dir": prepared / "edge-keys",
        "secrets_dir": prepared / "secrets",
        "quote_verify_keys_file": prepared / "quote-verify-keys.pem",
        "api_keys_file": prepared / "api-keys.json",
        "rate_limit": "100000/second",
        "platform_merchants": "demo",
        "log_level": "critical",
        "trace_ratio": 0.01,
        **_PATIENCE.get(service, {}),
    }


def _find_routes(app: FastAPI) -> None:
    """Let the framework prepare every route, as it else does at the first request."""
    for route in app.router.routes:
        route.matches({"type": "http", "method": "GET", "path": "/nowhere", "headers": []})


def _described(service: str, describe: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    if service not in _documents:
        _documents[service] = describe()
    return _documents[service]


def _rendered_once(document: Document) -> Rendered:
    """Render the page of the whole API once for all gateways that know the same services."""
    shown = tuple(document["paths"])
    if shown not in _rendered:
        _rendered[shown] = Rendered(document)
    return _rendered[shown]


setattr(catalogue, "Rendered", _rendered_once)  # noqa: B010 - mypy forbids to assign it

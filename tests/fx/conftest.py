"""Builders of rate sources, documents and tables, and fx as an app in process."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from fastapi import FastAPI
from hypothesis import settings
from multidict import CIMultiDict

from fx.app import create_app
from fx.board import RateBoard
from fx.domain.rates import Observation, PairTerms, SourceRates, SourceTerms
from fx.settings import FxSettings
from kurs.calls import Request, Response
from kurs.config.resources import ConfiguredSource, FxDocument, FxPayload, FXRateSourceSpec
from kurs.kernel.clock import MICROS
from kurs.kernel.roles import ROLES
from kurs.quotes.keys import ensure_key_files
from kurs.quotes.token import Quote, QuoteVerifier
from kurs.telemetry import Telemetry
from kurs_testing.asgi import AsgiTransport
from kurs_testing.clock import ManualClock
from kurs_testing.edges import EdgeSigning
from kurs_testing.parts import part
from kurs_testing.telemetry import RecordingTelemetry

# Nothing here asserts a time, and a busy machine may pause any example.
settings.register_profile("fx", deadline=None)
settings.load_profile("fx")

CALLER = {"x-kurs-merchant": "shop", "x-kurs-key-id": "k1", "x-kurs-roles": ",".join(ROLES)}
RATES = {"USD": "1.0837", "IDR": "17012.33", "JPY": "163.10", "BHD": "0.4075"}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def source_rates(clock: ManualClock) -> Callable[..., SourceRates]:
    """Build what a source stands for; the spread is in basis points, the maximum age in seconds."""

    def build(
        name: str,
        base: str,
        mids: Mapping[str, str],
        *,
        spread_bps: int = 0,
        max_age: int = 3600,
        age: int = 0,
        **terms: Any,
    ) -> SourceRates:
        as_of = clock.now() - age * MICROS
        pair = PairTerms(spread_bps, max_age * MICROS)
        return SourceRates(
            SourceTerms(name, base, dict.fromkeys(mids, pair), **terms),
            {quote: Observation(Decimal(mid), as_of) for quote, mid in mids.items()},
        )

    return build


@pytest.fixture
def static_spec() -> Callable[..., dict[str, Any]]:
    """Build the spec of a static source of EUR, with overrides."""

    def build(**overrides: Any) -> dict[str, Any]:
        spec = {
            "type": "Static",
            "baseCurrency": "EUR",
            "defaultSpreadBps": 50,
            "static": {"rates": dict(RATES)},
        }
        return {**spec, **overrides}

    return build


@pytest.fixture
def http_spec() -> Callable[..., dict[str, Any]]:
    """Build the spec of an HTTP source; `http` overrides are merged."""

    def build(url: str, *, http: Mapping[str, Any] | None = None, **overrides: Any) -> Any:
        inner = {"url": url, "format": "JSON", "ratesPath": "rates", "timeoutSeconds": 1}
        spec = {
            "type": "HTTP",
            "baseCurrency": "EUR",
            "allowInsecure": True,
            "defaultSpreadBps": 0,
            "refreshInterval": "1h",
            "http": {**inner, **(http or {})},
        }
        return {**spec, **overrides}

    return build


@pytest.fixture
def document() -> Callable[..., FxDocument]:
    """Compile specs by name into a document, in the order of their priority."""

    def build(**specs: Mapping[str, Any]) -> FxDocument:
        sources = [
            ConfiguredSource(
                name=name.replace("_", "-"), spec=FXRateSourceSpec.model_validate(spec)
            )
            for name, spec in specs.items()
        ]
        ordered = sorted(sources, key=lambda source: source.spec.priority, reverse=True)
        return FxDocument.build(FxPayload(rateSources=tuple(ordered)))

    return build


class Fx:
    """fx in process: its configuration, its clock, and requests to it."""

    def __init__(self, app: FastAPI, folder: Path, clock: ManualClock) -> None:
        self.app = app
        self.clock = clock
        self._folder = folder
        self._transport = AsgiTransport({"http://fx": app})
        self.roles = ",".join(ROLES)

    @property
    def board(self) -> RateBoard:
        return part(self.app, RateBoard)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Fx"]:
        async with self._transport:
            yield self

    def write(self, document: FxDocument | str) -> None:
        text = document if isinstance(document, str) else document.to_json()
        new = self._folder / "new"
        new.write_text(text)
        new.rename(self._folder / "config.json")

    async def get(self, path: str, **query: Any) -> Response:
        question = f"?{urlencode(query)}" if query else ""
        return await self._send("GET", path + question, None)

    async def post(self, path: str, body: Any) -> Response:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self._send("POST", path, raw)

    async def refresh(self) -> None:
        await self.board.refresh()

    async def _send(self, method: str, path: str, body: bytes | None) -> Response:
        headers = CIMultiDict({"content-type": "application/json", **CALLER})
        headers["x-kurs-roles"] = self.roles
        EdgeSigning(self.clock).sign("fx", method, path, headers, body)
        return await self._transport.send(Request(method, f"http://fx{path}", headers, body))


@pytest.fixture
def verify(tmp_path: Path, unconfigured: Fx, telemetry: Telemetry) -> Callable[[str], Quote]:
    """Read a token with the public key of the running fx."""
    return QuoteVerifier(tmp_path / "verify.pem", telemetry).verify


@pytest.fixture
def telemetry() -> Telemetry:
    return RecordingTelemetry("fx")


@pytest.fixture
def unconfigured(tmp_path: Path, clock: ManualClock, telemetry: Telemetry) -> Fx:
    """An fx that is not started and has no document yet."""
    signing = tmp_path / "signing.pem"
    ensure_key_files(signing, tmp_path / "verify.pem")
    settings = FxSettings(
        config_dir=tmp_path, quote_signing_keys_file=signing, private_source_hosts="127.0.0.1"
    )
    return Fx(create_app(settings, clock=clock, telemetry=telemetry), tmp_path, clock)


@pytest.fixture
async def fx(
    unconfigured: Fx, document: Callable[..., FxDocument], static_spec: Callable[..., Any]
) -> AsyncIterator[Fx]:
    """A running fx with one static source, `ecb`, and a spread of 50 basis points."""
    unconfigured.write(document(ecb=static_spec()))
    async with unconfigured.running() as running:
        yield running


@pytest.fixture
def eventually() -> Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]:
    """Wait until a condition holds; fails when it does not within some seconds."""

    async def wait(condition: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(60):
            # A file, a socket or a thread is waited for, which no event tells of.
            while not await condition():  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    return wait

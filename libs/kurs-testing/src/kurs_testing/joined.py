"""The whole gateway in one process: the six real apps joined over ASGI, for tests.

Nothing is mocked but the network between the services, which is a dictionary; its faults can be
injected through `transport`. Databases are real files or PostgreSQL databases.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from api_gateway.app import create_app as create_gateway
from api_gateway.key_entry import read_entries, render_entries
from api_gateway.keys import ensure_dev_key, issue
from api_gateway.keystore import KeyStore
from api_gateway.settings import GatewaySettings
from fx.app import create_app as create_fx
from fx.settings import FxSettings
from kurs.calls import Request, Response
from kurs.kernel.clock import Clock, SystemClock
from kurs.kernel.roles import MERCHANT_ROLES
from kurs.quotes.keys import ensure_key_files
from kurs.telemetry import Telemetry
from kurs_operator.local import main as compile_samples
from kurs_testing.asgi import AsgiTransport
from kurs_testing.edges import EdgeSigning, write_keys
from kurs_testing.parts import part
from kurs_testing.telemetry import RecordingTelemetry
from payments.app import create_app as create_payments
from payments.settings import PaymentsSettings
from risk.app import create_app as create_risk
from risk.settings import RiskSettings
from wallet.app import create_app as create_wallet
from wallet.settings import WalletSettings
from webhooks.app import create_app as create_webhooks
from webhooks.settings import WebhooksSettings

GATEWAY = "http://gateway.test"
PAYMENTS = "http://payments.test"
FX = "http://fx.test"
WALLET = "http://wallet.test"
RISK = "http://risk.test"
WEBHOOKS = "http://webhooks.test"

SERVICES = {"payments": PAYMENTS, "fx": FX, "wallet": WALLET, "risk": RISK, "webhooks": WEBHOOKS}
"""The base URL of each service behind the gateway, by its name."""
BASES = {**SERVICES, "api-gateway": GATEWAY}
_NAMES = {url: name for name, url in SERVICES.items()}
_DOCUMENTS: dict[str, dict[str, Any]] = {}
# A busy machine is no failure: who tests what is late says what late is.
_PATIENT: dict[str, dict[str, Any]] = {
    "payments": {"payment_seconds": 60.0},
    "api-gateway": {"request_seconds": 90.0},
}
_ADDRESSES = {
    "payments_url": PAYMENTS,
    "fx_url": FX,
    "wallet_url": WALLET,
    "risk_url": RISK,
    "webhooks_url": WEBHOOKS,
}


@dataclass
class JoinedGateway:
    """Six apps, their databases in `folder` (or at `databases`, by service), one clock.

    `async with` starts and stops them. `samples` is the folder of FXRateSource and RiskThreshold
    files; `folder/destinations` may have those of EventDestination. `overrides` are settings by
    service.
    """

    folder: Path
    samples: Path
    databases: Mapping[str, str] = field(default_factory=dict)
    clock: Clock = field(default_factory=SystemClock)
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    apps: dict[str, FastAPI] = field(default_factory=dict)
    telemetry: dict[str, Telemetry] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        destinations = self.folder / "destinations"
        destinations.mkdir(exist_ok=True)
        resources = (str(self.samples), str(destinations))
        compile_samples(["--samples", *resources, "--out", str(self.folder), "--once"])
        write_keys(self.folder / "edge-keys")
        self.key = ensure_dev_key(self.folder).read_text("ascii").strip()
        names = ("quote-signing-keys.pem", "quote-verify-keys.pem")
        ensure_key_files(*(self.folder / name for name in names))
        self.transport = AsgiTransport()
        self._mount()

    async def __aenter__(self) -> "JoinedGateway":
        await self.transport.__aenter__()
        await self._wait_until_ready()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.transport.__aexit__(*error)

    async def restart(self) -> None:
        """Stop all services and start them again on the same databases."""
        await self.transport.__aexit__()
        self.transport = AsgiTransport()
        self._mount()
        await self.transport.__aenter__()
        await self._wait_until_ready()

    def issue_key(self, merchant: str, *roles: str) -> str:
        """Return a new API key of a merchant, which the gateway has read."""
        file = self.folder / "api-keys.json"
        entries = read_entries(file)
        text, entry = issue(entries, merchant=merchant, roles=roles or MERCHANT_ROLES)
        file.write_text(render_entries([*entries, entry]), "utf-8")
        part(self.apps["api-gateway"], KeyStore).reload_if_changed()
        return text

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Send a request through the gateway with an API key (the demo merchant's by default)."""
        own = {"authorization": f"Bearer {key or self.key}", **(headers or {})}
        return await self.send(GATEWAY, method, path, body, own)

    async def send(
        self, base: str, method: str, path: str, body: Any = None, headers: Any = None
    ) -> Response:
        """Send a request straight to one service, as the one that calls this route."""
        request = Request(method, base + path)
        request.headers.extend(headers or {})
        if body is not None:
            request.body = body if isinstance(body, bytes) else json.dumps(body).encode()
            request.headers.setdefault("content-type", "application/json")
        if base in _NAMES:
            signing = EdgeSigning(self.clock)
            signing.sign(_NAMES[base], method, path, request.headers, request.body)
        return await self.transport.send(request)

    async def sums(self) -> dict[str, str]:
        """Return the sum of every currency over all postings."""
        answer = await self.call("GET", "/ledger/trial-balance")
        return {row["currency"]: row["sum"] for row in answer.json()["currencies"]}

    async def balance(self, account: str, currency: str) -> str:
        """Return what is available on an account of the demo merchant, "0" without a balance."""
        answer = (await self.call("GET", f"/balance/{account}")).json()
        found = [b["available"] for b in answer["balances"] if b["currency"] == currency]
        return found[0] if found else "0"

    async def open_and_fund(
        self, account: str, *, settlement_currency: str | None = None, **amounts: str
    ) -> None:
        """Open an account and deposit amounts by currency: `USD="100.00"`."""
        body: dict[str, Any] = {"account_id": account}
        if settlement_currency:
            body["settlement_currency"] = settlement_currency
        answer = await self.call("POST", "/accounts", body)
        assert answer.status == 200, answer.body
        for currency, amount in amounts.items():
            deposit = {
                "deposit_id": f"{account}-{currency}",
                "account_id": account,
                "currency": currency,
                "amount": amount,
            }
            answer = await self.call("POST", "/deposits", deposit)
            assert answer.status == 200, answer.body

    def _mount(self) -> None:
        for base, name, create, kind in (
            (WALLET, "wallet", create_wallet, WalletSettings),
            (FX, "fx", create_fx, FxSettings),
            (RISK, "risk", create_risk, RiskSettings),
            (PAYMENTS, "payments", create_payments, PaymentsSettings),
            (WEBHOOKS, "webhooks", create_webhooks, WebhooksSettings),
            (GATEWAY, "api-gateway", create_gateway, GatewaySettings),
        ):
            telemetry = RecordingTelemetry(name)
            settings = kind(**self._settings(name))
            app = create(
                settings,  # type: ignore[arg-type]  # each pair of this table fits
                clock=self.clock,
                transport=self.transport,
                telemetry=telemetry,
            )
            _describe_once(name, app)
            self.apps[name] = app
            self.telemetry[name] = telemetry
            self.transport.mount(base, app)

    def _settings(self, name: str) -> dict[str, Any]:
        return {
            **_ADDRESSES,
            "service": name,
            "instance": name,
            "database_url": self.databases.get(name, f"sqlite:///{self.folder / name}.db"),
            "config_dir": self.folder / name,
            "quote_signing_keys_file": self.folder / "quote-signing-keys.pem",
            "quote_verify_keys_file": self.folder / "quote-verify-keys.pem",
            "edge_keys_dir": self.folder / "edge-keys",
            "secrets_dir": self.folder / "secrets",
            # One key does everything here, as on a laptop.
            "four_eyes": False,
            # Deposits become events when a test says so: it knows what comes in which place.
            "ledger_seconds": 3600.0,
            "platform_merchants": "demo",
            "api_keys_file": self.folder / "api-keys.json",
            **_PATIENT.get(name, {}),
            **self.overrides.get(name, {}),
        }

    async def _wait_until_ready(self) -> None:
        for base in (WALLET, FX, RISK, PAYMENTS, WEBHOOKS, GATEWAY):
            for _ in range(200):
                answer = await self.send(base, "GET", "/readyz")
                if answer.status == 200:
                    break
                await asyncio.sleep(0.05)
            else:
                raise RuntimeError(f"{base} did not become ready: {answer.body.decode()}")


def _describe_once(name: str, app: FastAPI) -> None:
    """Let the app have the document that the first of its name had: each costs more than a test."""
    describe = app.openapi

    def openapi() -> dict[str, Any]:
        if name not in _DOCUMENTS:
            _DOCUMENTS[name] = describe()
        return _DOCUMENTS[name]

    if name in SERVICES:
        app.openapi = openapi  # type: ignore[method-assign]

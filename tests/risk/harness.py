"""Risk and fx as apps in one process, their documents, and the bodies of requests to risk."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from tests.signing import EdgeAuth

from fx.app import create_app as create_fx
from fx.settings import FxSettings
from kurs.config.resources import FxDocument, FxPayload, RiskDocument, RiskPayload
from kurs.data.database import Database
from kurs.data.migrations import migrate
from kurs.kernel.clock import MICROS, to_rfc3339
from kurs.kernel.roles import ROLES
from kurs.quotes.keys import ensure_key_files
from kurs.telemetry import Telemetry
from kurs_testing.asgi import AsgiTransport
from kurs_testing.clock import ManualClock
from kurs_testing.telemetry import RecordingTelemetry
from risk.app import create_app
from risk.configuration import policy_of
from risk.domain.attempt import Attempt
from risk.domain.policy import Policy
from risk.migrations import VERSIONS
from risk.settings import RiskSettings

RISK, FX = "http://risk", "http://fx"
MERCHANT = "demo"
MIDS = {"USD": "1.25", "IDR": "20000", "JPY": "160", "BHD": "0.5"}
"""What one euro is worth."""
DAY = 86_400
_numbers = itertools.count(1)


def risk_document(**specs: Mapping[str, Any]) -> RiskDocument:
    """Compile specs by the names of their thresholds; an underscore stands for a dash."""
    thresholds = [{"name": n.replace("_", "-"), "spec": s} for n, s in specs.items()]
    return RiskDocument.build(RiskPayload.model_validate({"thresholds": thresholds}))


def policy(**specs: Mapping[str, Any]) -> Policy:
    """Return the policy of a document of these specs."""
    return policy_of(risk_document(**specs), frozenset())


def limits(review: int, decline: int, currency: str = "USD") -> dict[str, Any]:
    """Return bounds of one payment in minor units, as a spec has them."""
    return {"currency": currency, "reviewAboveMinor": review, "declineAboveMinor": decline}


def attempt(**fields: Any) -> Attempt:
    """Return an attempt to pay 10.00 USD from alice to bob; its account was opened long ago."""
    given: dict[str, Any] = {
        "payment_id": f"{MERCHANT}:p{next(_numbers)}",
        "merchant": MERCHANT,
        "amount_minor": 10_00,
        "currency": "USD",
        "source_account": "alice",
        "destination_account": "bob",
        "source_opened_at": 0,
    }
    return Attempt(**{**given, **fields})


def body(**fields: Any) -> dict[str, Any]:
    """Return the body of `POST /score`; a field given as ... is left out."""
    given: dict[str, Any] = {
        "payment_id": f"p{next(_numbers)}",
        "amount": "10.00",
        "currency": "USD",
        "source_account": "alice",
        "destination_account": "bob",
        "source_opened_at": 0,
    }
    return {name: v for name, v in {**given, **fields}.items() if v is not ...}


def item(**fields: Any) -> dict[str, Any]:
    """Return one item of `POST /score/batch`; its payment id gets the merchant before it."""
    given = body(**{"merchant": MERCHANT, **fields})
    if "payment_id" in given and isinstance(given["payment_id"], str):
        given["payment_id"] = f"{given.get('merchant')}:{given['payment_id']}"
    return given


class RiskApp:
    """Calls the routes of one risk as a merchant, and as a service; holds its clock and folder."""

    def __init__(
        self, app: FastAPI, folder: Path, clock: ManualClock, telemetry: Telemetry
    ) -> None:
        self.app = app
        self.clock = clock
        self.telemetry = telemetry
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app, raise_app_exceptions=False),
            base_url=RISK,
            auth=EdgeAuth("risk", clock),
        )
        self._folder = folder

    async def post(self, path: str, content: Any, *, merchant: str = MERCHANT) -> httpx.Response:
        """Post a body as a merchant; bytes are sent as they are."""
        headers = {**caller(merchant), "content-type": "application/json"}
        if isinstance(content, bytes):
            return await self.client.post(path, content=content, headers=headers)
        return await self.client.post(path, json=content, headers=headers)

    async def get(self, path: str, *, merchant: str = MERCHANT) -> httpx.Response:
        """Get a path as a merchant."""
        return await self.client.get(path, headers=caller(merchant))

    async def score(self, *, merchant: str = MERCHANT, **fields: Any) -> dict[str, Any]:
        """Decide on one payment for good, as payments does; shown as merchants see it."""
        (result,) = await self.batch(item(merchant=merchant, **fields))
        assert result.pop("status") == "scored", result
        name = result["payment_id"].partition(":")[2]
        return {**result, "payment_id": name, "decided_at": to_rfc3339(result["decided_at"])}

    async def ask(self, *, merchant: str = MERCHANT, **fields: Any) -> dict[str, Any]:
        """Ask what would be decided on one payment."""
        response = await self.post("/score", body(**fields), merchant=merchant)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def batch(self, *items: Any) -> list[dict[str, Any]]:
        """Score items as a service does."""
        response = await self.post("/score/batch", {"items": list(items)})
        assert response.status_code == 200, response.text
        results: list[dict[str, Any]] = response.json()["results"]
        return results

    async def metric(self, series: str) -> float:
        """Return the value of a series, named as `/metrics` shows it; 0 when it is not there."""
        lines = (await self.client.get("/metrics")).text.splitlines()
        return sum(float(n.rsplit(" ", 1)[1]) for n in lines if n.rsplit(" ", 1)[0] == series)

    def write(self, document: RiskDocument | str) -> None:
        """Replace the watched document, as the local mode does."""
        write(self._folder, document if isinstance(document, str) else document.to_json())


def caller(merchant: str) -> dict[str, str]:
    """Return the headers that say who calls, with a key that has every role."""
    roles = ",".join(ROLES)
    return {"x-kurs-merchant": merchant, "x-kurs-key-id": "k1", "x-kurs-roles": roles}


def write(folder: Path, text: str) -> None:
    """Replace `config.json` of a folder in one step."""
    folder.mkdir(parents=True, exist_ok=True)
    new = folder / "new"
    new.write_text(text)
    new.rename(folder / "config.json")


def fx_app(folder: Path, clock: ManualClock, mids: Mapping[str, str] = MIDS) -> FastAPI:
    """Return an fx that knows what a euro is worth."""
    spec = {
        "type": "Static",
        "baseCurrency": "EUR",
        "defaultSpreadBps": 100,
        "maxAge": "1h",
        "static": {"rates": dict(mids)},
    }
    sources = {"rateSources": [{"name": "ecb", "spec": spec}]}
    write(folder, FxDocument.build(FxPayload.model_validate(sources)).to_json())
    signing = folder / "signing.pem"
    ensure_key_files(signing, folder / "verify.pem")
    settings = FxSettings(config_dir=folder, quote_signing_keys_file=signing)
    return create_fx(settings, clock=clock, telemetry=RecordingTelemetry("fx"))


@asynccontextmanager
async def risk_app(
    url: str,
    folder: Path,
    document: RiskDocument | None,
    *,
    clock: ManualClock | None = None,
    transport: AsgiTransport | None = None,
    **settings: Any,
) -> AsyncIterator[RiskApp]:
    """Run a risk on the database at `url`, migrated if need be, beside the apps of `transport`."""
    if not url.startswith("sqlite"):
        await asyncio.to_thread(migrate, url, VERSIONS)
    clock = clock or ManualClock()
    telemetry = RecordingTelemetry("risk")
    transport = transport or AsgiTransport()
    settings = {"rates_poll_seconds": 0.02, "rates_grace_seconds": 0.0, **settings}
    app = create_app(
        RiskSettings(database_url=url, config_dir=folder, fx_url=FX, **settings),
        clock=clock,
        transport=transport,
        telemetry=telemetry,
    )
    risk = RiskApp(app, folder, clock, telemetry)
    if document is not None:
        risk.write(document)
    transport.mount(RISK, app)
    async with transport, risk.client:
        yield risk


async def rows(url: str, sql: str) -> list[tuple[Any, ...]]:
    """Return what a query finds in a database."""
    database = Database.open(url)
    try:
        return await database.read(lambda c: [tuple(r) for r in c.exec_driver_sql(sql).all()])
    finally:
        await database.close()


def seconds(number: float) -> int:
    """Return seconds as microseconds."""
    return round(number * MICROS)

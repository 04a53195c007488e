"""webhooks alone, over a database of the test's choice, fed by payments that are a list."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from fastapi import FastAPI
from sqlalchemy import select
from starlette.requests import Request as ServedRequest
from starlette.responses import JSONResponse
from starlette.routing import Route
from tests.webhooks.receiver import SECRET

from kurs.calls import Request, Response
from kurs.config.resources import FILE_NAME
from kurs.data.database import Database
from kurs.data.migrations import migrate
from kurs.kernel.clock import Clock, SystemClock
from kurs.kernel.files import replace_file
from kurs_operator.local import main as compile_resources
from kurs_testing.asgi import AsgiTransport
from kurs_testing.edges import EdgeSigning, write_keys
from kurs_testing.parts import part
from kurs_testing.telemetry import RecordingTelemetry
from webhooks.app import create_app
from webhooks.migrations import VERSIONS
from webhooks.settings import WebhooksSettings
from webhooks.store.tables import feed

WEBHOOKS = "http://webhooks.test"
PAYMENTS = "http://payments.test"


async def reads_the_feed(app: FastAPI) -> bool:
    """Tell whether webhooks knows where to read on from: what happened before is sent nowhere."""
    known = select(feed.c.sequence).where(feed.c.sequence.is_not(None))
    return await part(app, Database).read(lambda c: c.execute(known).first() is not None)


@dataclass
class Fed:
    """What payments has told so far."""

    events: list[dict[str, Any]] = field(default_factory=list)
    past: str = ""
    unreadable: set[int] = field(default_factory=set)
    meanwhile: Callable[[], Awaitable[None]] | None = None
    """What happens once while a page is read."""
    waits: list[float] = field(default_factory=list)
    """For how long each page was asked to wait for its first event."""

    def happen(
        self, payment_id: str, event_type: str = "payment.captured", merchant: str = "shop"
    ) -> int:
        """Let an event happen, and return its sequence."""
        sequence = len(self.events) + 1
        name = f"evt_{sequence}{self.past}"
        body = {"id": name, "sequence": sequence, "payment_id": payment_id}
        self.events.append(
            {
                "id": name,
                "sequence": sequence,
                "merchant": merchant,
                "payment_id": payment_id,
                "type": event_type,
                "at": SystemClock().now(),
                "body": json.dumps({**body, "type": event_type}, separators=(",", ":")),
            }
        )
        return sequence

    def set_back(self, newest: int) -> None:
        """Know no more than what happened until then: what happens now is something else."""
        del self.events[newest:]
        self.past += "b"

    def _id_at(self, sequence: int) -> str:
        return str(self.events[sequence - 1]["id"]) if 0 < sequence <= len(self.events) else ""

    async def page(self, request: ServedRequest) -> JSONResponse:
        after = request.query_params.get("after")
        if after is None:
            newest = len(self.events)
            ends = {"next_after": newest, "next_id": self._id_at(newest)}
            return JSONResponse({"events": [], **ends})
        if self.meanwhile is not None:
            happen, self.meanwhile = self.meanwhile, None
            await happen()
        self.waits.append(float(request.query_params["wait_seconds"]))
        limit = int(request.query_params["limit"])
        found = self.events[int(after) : int(after) + limit]
        end = found[-1]["sequence"] if found else int(after)
        lost = [e["sequence"] for e in found if e["sequence"] in self.unreadable]
        told = [e for e in found if e["sequence"] not in self.unreadable]
        if (wanted_by := request.query_params.get("wanted_by")) is not None:
            told = [e for e in told if e["merchant"] in wanted_by.split(",")]
        if not found:
            # As payments does, if not for as long.
            await asyncio.sleep(min(self.waits[-1], 0.02))
        answer = {
            "events": told,
            "unreadable": lost,
            "next_after": end,
            "after_id": self._id_at(int(after)),
            "next_id": self._id_at(end),
        }
        return JSONResponse(answer if found else {**answer, "newest": len(self.events)})


@dataclass
class Webhooks:
    """Some replicas of webhooks over one database."""

    folder: Path
    database_url: str
    clock: Clock
    overrides: dict[str, Any]
    fed: Fed = field(default_factory=Fed)

    def __post_init__(self) -> None:
        self.destinations = self.folder / "destinations"
        self.secrets = self.folder / "secrets"
        self.config = self.folder / "config" / "webhooks"
        self.destinations.mkdir(parents=True)
        self.compile()
        self.replicas: list[AsgiTransport] = []
        self.apps: list[FastAPI] = []
        self.telemetry: list[RecordingTelemetry] = []
        write_keys(self.folder / "edge-keys")

    def destination(self, name: str, url: str, *, secret: str = SECRET, **spec: Any) -> None:
        """Write a destination and its secret, as people do."""
        self.secret(name, secret)
        content = {
            "apiVersion": "kurs.dev/v1alpha1",
            "kind": "EventDestination",
            "metadata": {"name": name},
            "spec": {
                "merchant": "shop",
                "url": url,
                "secretRef": {"name": name, "key": "secret"},
                "allowInsecure": True,
                "timeout": "2s",
                **spec,
            },
        }
        (self.destinations / f"{name}.yaml").write_text(yaml.safe_dump(content))
        self.compile()

    def compile(self) -> None:
        """Let the document be what the files say."""
        samples, out = str(self.destinations), str(self.config.parent)
        compile_resources(["--samples", samples, "--out", out, "--once"])

    def break_document(self, text: str = "{") -> None:
        """Let the document be one that cannot be read."""
        replace_file(self.config / FILE_NAME, text)

    def secret(self, name: str, value: str) -> None:
        """Write a secret."""
        (self.secrets / name).mkdir(parents=True, exist_ok=True)
        (self.secrets / name / "secret").write_text(value)

    async def start(self) -> AsgiTransport:
        """Start one more replica."""
        transport = AsgiTransport()
        fed = FastAPI(routes=[Route("/events/feed", self.fed.page)])
        transport.mount(PAYMENTS, fed)
        name = f"webhooks-{len(self.replicas)}"
        settings = WebhooksSettings(
            **{
                "database_url": self.database_url,
                "payments_url": PAYMENTS,
                "config_dir": self.config,
                "secrets_dir": self.secrets,
                "edge_keys_dir": self.folder / "edge-keys",
                "private_destination_hosts": "127.0.0.1",
                "instance": name,
                **self.overrides,
            }
        )
        telemetry = RecordingTelemetry("webhooks")
        app = create_app(settings, clock=self.clock, transport=transport, telemetry=telemetry)
        self.telemetry.append(telemetry)
        transport.mount(WEBHOOKS, app)
        self.apps.append(app)
        await transport.__aenter__()
        self.replicas.append(transport)
        return transport

    def figure(self, metric: str) -> float:
        """Return what a metric of the first replica says."""
        return self.telemetry[0].registry.get_sample_value(f"kurs_webhooks_{metric}") or 0.0

    async def stop(self, transport: AsgiTransport) -> None:
        """End a replica in order."""
        self.replicas.remove(transport)
        await transport.__aexit__(None, None, None)

    async def call(self, method: str, path: str, body: Any = None, *, roles: str = "") -> Response:
        """Ask the first replica as the gateway does for the merchant `shop`."""
        request = Request(method, WEBHOOKS + path)
        request.headers.extend(
            {
                "x-kurs-merchant": "shop",
                "x-kurs-key-id": "k1",
                "x-kurs-roles": roles or "read,webhooks",
            }
        )
        if body is not None:
            request.body = json.dumps(body).encode()
            request.headers["content-type"] = "application/json"
        EdgeSigning(self.clock).sign("webhooks", method, path, request.headers, request.body)
        return await self.replicas[0].send(request)


@asynccontextmanager
async def webhooks_over(
    folder: Path, database_url: str, *, clock: Clock | None = None, **overrides: Any
) -> AsyncIterator[Webhooks]:
    """Yield webhooks without a replica; end those that were started."""
    await asyncio.to_thread(migrate, database_url, VERSIONS)
    made = Webhooks(folder, database_url, clock or SystemClock(), overrides)
    try:
        yield made
    finally:
        for replica in list(made.replicas):
            await made.stop(replica)

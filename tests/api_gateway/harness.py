"""A gateway joined in process with four small services that write down what reached them."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from multidict import CIMultiDict, CIMultiDictProxy
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api_gateway.app import create_app
from api_gateway.catalogue import Catalogue
from api_gateway.key_entry import KeyEntry, render_entries
from api_gateway.keys import issue
from api_gateway.keystore import KeyStore
from api_gateway.route_table import SERVICES
from api_gateway.settings import GatewaySettings
from kurs.calls import Request, Response
from kurs.kernel.roles import ROLES
from kurs_testing.asgi import AsgiTransport
from kurs_testing.parts import part
from kurs_testing.telemetry import RecordingTelemetry

GATEWAY = "http://gateway.test"


@dataclass
class Arrived:
    """One request as a service got it."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the only value of a header, None when it is absent."""
        values = [value for known, value in self.headers if known == name.lower()]
        assert len(values) <= 1, f"{name} arrived {len(values)} times"
        return values[0] if values else None


@dataclass
class Service:
    """An ASGI app that records requests and gives the answer that a test set."""

    status: int = 200
    headers: list[tuple[bytes, bytes]] = field(
        default_factory=lambda: [(b"content-type", b"application/json")]
    )
    body: bytes = b"{}"
    document: dict[str, Any] | None = None
    arrived: list[Arrived] = field(default_factory=list)
    handle: Callable[[Scope, Receive, Send], Awaitable[None]] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; a service without a lifespan."""
        if scope["type"] == "lifespan":
            return
        if scope["path"] == "/openapi.json":
            await answer(send, 200 if self.document else 404, json.dumps(self.document).encode())
            return
        if scope["path"] == "/payments/batch":
            # As payments of the release before: each goes alone.
            await answer(send, 403, b"{}")
            return
        await self._record(scope, receive)
        if self.handle is not None:
            await self.handle(scope, receive, send)
        else:
            await answer(send, self.status, self.body, self.headers)

    async def _record(self, scope: Scope, receive: Receive) -> None:
        body = b""
        if scope["method"] == "POST":
            body = (await receive())["body"]
        query = scope["query_string"]
        self.arrived.append(
            Arrived(
                scope["method"],
                (scope["raw_path"] + (b"?" + query if query else b"")).decode(),
                [(n.decode(), v.decode("latin-1")) for n, v in scope["headers"]],
                body,
            )
        )


async def answer(
    send: Send,
    status: int,
    body: bytes,
    headers: Sequence[tuple[bytes, bytes]] = ((b"content-type", b"application/json"),),
) -> None:
    """Send a whole answer."""
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})


class Gateway:
    """The app under test, its services, and keys to call it with."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.keys_file = folder / "api-keys.json"
        self.entries: list[KeyEntry] = []
        self.key = self.add_key("shop", *ROLES)
        self.services = {name: Service() for name in SERVICES}
        urls = {name: f"http://{name}.test" for name in SERVICES}
        self.transport = AsgiTransport({urls[name]: app for name, app in self.services.items()})
        clock = settings.pop("clock", None)
        self.telemetry = settings.pop("telemetry", None) or RecordingTelemetry("api-gateway")
        self.settings = GatewaySettings(
            api_keys_file=self.keys_file,
            **{
                "api_keys_poll_seconds": 0.01,
                "platform_merchants": "shop",
                **{f"{name}_url": url for name, url in urls.items()},
                **settings,
            },
        )
        self.app: FastAPI = create_app(
            self.settings, clock=clock, transport=self.transport, telemetry=self.telemetry
        )
        self.transport.mount(GATEWAY, self.app)
        self.keys = part(self.app, KeyStore)
        self.catalogue = part(self.app, Catalogue)

    def add_key(self, merchant: str, *roles: str, **terms: Any) -> str:
        """Issue a key and write it to the keys file; return its text."""
        text, entry = issue(
            self.entries, merchant=merchant, roles=roles, environment="test", **terms
        )
        self.entries.append(entry)
        self.write_keys()
        return text

    def write_keys(self) -> None:
        """Write the keys file as it stands."""
        self.keys_file.write_text(render_entries(self.entries), "utf-8")

    def reload(self) -> None:
        """Let the app see the keys file now."""
        self.keys.reload_if_changed()

    async def get(
        self, target: str, *, key: str | None = "", headers: Mapping[str, str] | None = None
    ) -> Response:
        """GET with the shop's key, another one, or (None) without."""
        return await self.send("GET", target, key=key, headers=headers)

    async def post(
        self,
        target: str,
        body: bytes | None = b"{}",
        *,
        key: str | None = "",
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """POST JSON with the shop's key, another one, or (None) without."""
        named = CIMultiDict(headers or {})
        named.setdefault("Content-Type", "application/json")
        return await self.send("POST", target, body=body, key=key, headers=named)

    async def send(
        self,
        method: str,
        target: str,
        *,
        body: bytes | None = None,
        key: str | None = "",
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Send any request."""
        named = CIMultiDict(headers or {})
        if key is not None:
            named.extend(self.headers(key or self.key))
        return await self.transport.send(Request(method, GATEWAY + target, named, body, 30.0))

    def headers(self, key: str) -> CIMultiDict[str]:
        """Return the header that carries a key."""
        return CIMultiDict({"Authorization": f"Bearer {key}"})

    def arrivals(self) -> int:
        """Return how many requests reached any service."""
        return sum(len(service.arrived) for service in self.services.values())


MakeGateway = Callable[..., Gateway]


def problem(response: Response, status: int, code: str) -> dict[str, Any]:
    """Check that an answer is this problem, and return its document."""
    document: dict[str, Any] = response.json()
    assert (response.status, document["code"]) == (status, code), document
    assert response.headers["content-type"] == "application/problem+json"
    assert document["status"] == status
    assert document["type"] == f"urn:kurs:problem:{code}"
    assert document["title"]
    assert document["detail"]
    return document


class Client:
    """Calls an ASGI app message by message, for what no well-behaved client sends."""

    def __init__(self, app: ASGIApp, method: str, path: str, headers: Mapping[str, str]) -> None:
        self._app = app
        self.sent: list[Message] = []
        self.scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode("latin-1"),
            "query_string": b"",
            "root_path": "",
            "headers": [(n.lower().encode(), v.encode("latin-1")) for n, v in headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8080),
        }

    async def call(self, receive: Receive) -> None:
        """Let the app handle the request; `sent` has what it said."""

        async def send(message: Message) -> None:
            self.sent.append(message)

        await self._app(self.scope, receive, send)

    async def run(self, receive: Receive) -> Response:
        """Return the answer, whole."""
        await self.call(receive)
        start, *rest = self.sent
        body = b"".join(message.get("body", b"") for message in rest)
        headers = CIMultiDict((n.decode(), v.decode()) for n, v in start["headers"])
        raw = tuple(start["headers"])
        return Response(start["status"], CIMultiDictProxy(headers), body, raw)


async def until(condition: Callable[[], object]) -> None:
    """Wait for a condition, 20 seconds at most; it is looked at whenever the loop is free."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 (what it looks at has no event to wait for)
            await asyncio.sleep(0.01)

"""Plays the requests of docs/api.md against the joined gateway, and writes what it answers.

`python -m tests.system.api_examples` writes the page anew; a test holds the page to what would be
written. A block of the page that begins with a method is sent as it stands; the block after it is
the answer, of which only the members are shown that stand behind its language, if any do. `{name}`
in a path, and a text that ends with `…`, are the last value that a member of this name had.
"""

import asyncio
import json
import re
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from tests.webhooks.harness import reads_the_feed
from tests.webhooks.receiver import SECRET, Receiver

from api_gateway.catalogue import Catalogue
from kurs.calls import Request
from kurs.edges import PUBLIC_ROUTES, PublicRoute
from kurs_testing.joined import GATEWAY, JoinedGateway
from kurs_testing.parts import part
from kurs_testing.waiting import eventually
from payments.figures.counting import Figures

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "api.md"
SAMPLES = ROOT / "tests" / "data" / "resources"
HEADING = "\n## Requests and answers\n"
SHOWN_URL = "https://shop.example.org/hooks"
WIDTH = 110
MOST_ITEMS = 4
LONGEST = 100
_PAIR = re.compile(r"```http\n([A-Z]+ .*?)```\n\n```http( [^\n]*)?\n.*?```", re.DOTALL)
_PART = re.compile(r"^### `([A-Z]+) (/\S*)`\n\n(?:Refuses with .*\n\n)?", re.MULTILINE)
_CODES = re.compile(r"[a-z_]+")
# What is another at each playing: moments, ids and hashes, ages, and what is told short.
_CHANGING = (
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z"), "TIME"),
    (re.compile(r"\b(?:[a-z]+_)?[0-9a-f]{8,}\b"), "ID"),
    (re.compile(r'"(?:age_)?seconds": [\d.]+'), "AGE"),
    (re.compile(r'"[^"\s]*…"'), "LONG"),
    (re.compile(r"\s+"), " "),
)


def settled(page: str) -> str:
    """Return a page without what is another each time it is played."""
    for pattern, word in _CHANGING:
        page = pattern.sub(word, page)
    return page


class Player:
    """Sends the requests of a page, and remembers what was answered."""

    def __init__(self, gateway: JoinedGateway, receiver: Receiver) -> None:
        self.gateway = gateway
        self.receiver = receiver
        self.seen: dict[str, str] = {}
        self.everywhere = {
            "merchant_required",
            "bad_request",
            "malformed_json",
            "validation_failed",
        }

    async def play(self, page: str) -> str:
        """Return the page with every answer, and every list of refusals, as it is."""
        before, heading, rest = page.partition(HEADING)
        codes = await self._refusals()
        rest = _PART.sub(lambda found: _part(found[1], found[2], codes), rest)
        written, end = "", 0
        for pair in _PAIR.finditer(rest):
            names = pair[2] or ""
            answer = await self._send(pair[1], names.split())
            written += rest[end : pair.start()]
            written += f"```http\n{pair[1]}```\n\n```http{names}\n{answer}```"
            end = pair.end()
        return before + heading + written + rest[end:]

    async def _send(self, block: str, names: list[str]) -> str:
        head, _, body = block.partition("\n\n")
        line, *headers = head.strip().split("\n")
        method, target = line.split()
        path = re.sub(r"\{(\w+)\}", lambda found: self.seen[found[1]], target)
        given = {k.lower(): v for k, v in (header.split(": ", 1) for header in headers)}
        if path.startswith(("/event-destinations", "/deliveries")):
            await eventually(self._all_sent)
        if path.startswith("/figures"):
            await part(self.gateway.apps["payments"], Figures).count()
        if path.startswith("/payments/events"):
            return f"200\n\n{await self._first_event(path)}\n"
        sent = self._whole(json.loads(body)) if body.strip() else None
        answer = await self.gateway.call(method, path, sent, headers=given)
        replayed = "\nIdempotent-Replayed: true" if "idempotent-replayed" in answer.headers else ""
        return f"{answer.status}{replayed}\n\n{self._shown(answer.body, names)}\n"

    async def _first_event(self, path: str) -> str:
        request = Request("GET", f"{GATEWAY}{path}", timeout=20)
        request.headers["authorization"] = f"Bearer {self.gateway.key}"
        text = ""
        async with self.gateway.transport.stream(request) as answer:
            async for chunk in answer.chunks:
                text += chunk.decode()
                if "\n\n" in text[text.find("data: ") :] and "data: " in text:
                    break
        event = text[text.find("event: ") :].partition("\n\n")[0]
        return re.sub(r"data: .*", lambda found: found[0][:LONGEST] + "…", event)

    async def _all_sent(self) -> bool:
        answer = (await self.gateway.call("GET", "/event-destinations")).json()
        newest = (await self.gateway.call("GET", "/events?limit=200")).json()["items"][-1]
        return all(
            item["waiting"] == 0 and item["delivered_sequence"] == newest["sequence"]
            for item in answer["items"]
        )

    async def _refusals(self) -> dict[tuple[str, str], list[str]]:
        catalogue = part(self.gateway.apps["api-gateway"], Catalogue)

        def told(route: PublicRoute) -> Any:
            paths = catalogue.current.document["paths"]
            return paths[route.template][route.method.lower()]["responses"]

        await eventually(lambda: all("default" not in told(route) for route in PUBLIC_ROUTES))
        codes = {(r.method, r.template): _codes(told(r)) for r in PUBLIC_ROUTES}
        for kind in ("GET", "POST"):
            self.everywhere.update(
                set.intersection(*(set(c) for (method, _), c in codes.items() if method == kind))
            )
        return {r: [code for code in c if code not in self.everywhere] for r, c in codes.items()}

    def _whole(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {
                name: self.seen[name] if str(member).endswith("…") else self._whole(member)
                for name, member in value.items()
            }
        return value

    def _shown(self, body: bytes, names: list[str]) -> str:
        text = body.decode().replace(self.receiver.url, SHOWN_URL)
        try:
            answer = json.loads(text)
        except ValueError:
            return text.replace("\r\n", "\n").strip()
        self._remember(answer)
        return shown(kept(answer, names) if names else answer)

    def _remember(self, value: Any) -> None:
        for name, member in value.items() if isinstance(value, dict) else ():
            if isinstance(member, str):
                self.seen[name] = member
            self._remember(member)
        for item in value[::-1] if isinstance(value, list) else ():
            self._remember(item)


def _codes(responses: dict[str, Any]) -> list[str]:
    return [
        code
        for status, answer in responses.items()
        if int(status) >= 400
        for code in _CODES.findall(answer["description"].partition(": ")[2])
    ]


def _part(method: str, template: str, codes: dict[tuple[str, str], list[str]]) -> str:
    named = ", ".join(f"`{code}`" for code in codes[method, template])
    refuses = f"Refuses with {named}.\n\n" if named else ""
    return f"### `{method} {template}`\n\n{refuses}"


def kept(value: Any, names: list[str]) -> Any:
    """Return of an answer the members of these names; `a.b` is the member `b` of each `a`."""
    if isinstance(value, list):
        return [kept(item, names) for item in value]
    firsts = [name.partition(".")[0] for name in names]
    left = {"…": "…"} if set(value) - set(firsts) else {}
    return {n: _within(m, n, names) for n, m in value.items() if n in firsts} | left


def _within(member: Any, name: str, names: list[str]) -> Any:
    inner = [n.removeprefix(f"{name}.") for n in names if n.startswith(f"{name}.")]
    return kept(member, inner) if inner and member is not None else member


def shown(value: Any, indent: str = "") -> str:
    """Return JSON in few lines: what fits into one is one; long lists and texts are cut short."""
    if not isinstance(value, dict | list):
        return "…" if value == "…" else json.dumps(_short(value), ensure_ascii=False)
    inner = indent + "  "
    if isinstance(value, dict):
        ends = "{}"
        parts = [
            "…" if name == "…" else f"{json.dumps(name)}: {shown(member, inner)}"
            for name, member in value.items()
        ]
    else:
        ends = "[]"
        parts = [shown(item, inner) for item in _short(value)]
    line = f"{ends[0]}{', '.join(parts)}{ends[1]}"
    if len(indent) + len(line) <= WIDTH - 20 and "\n" not in line:
        return line
    return f"{ends[0]}\n{_filled(parts, inner)}\n{indent}{ends[1]}"


def _filled(parts: list[str], indent: str) -> str:
    lines = [""]
    for at, text in enumerate(parts):
        comma = "," if at + 1 < len(parts) else ""
        if lines[-1] and ("\n" in text + lines[-1] or len(indent + lines[-1] + text) > WIDTH - 2):
            lines.append("")
        lines[-1] += (" " if lines[-1] else "") + text + comma
    return "\n".join(indent + line for line in lines)


def _short(value: Any) -> Any:
    if isinstance(value, str) and len(value) > LONGEST:
        return value[:24] + "…"
    if isinstance(value, list) and len(value) > MOST_ITEMS and isinstance(value[0], dict):
        return [*value[:2], "…"]
    return value


@asynccontextmanager
async def player(folder: Path) -> AsyncIterator[Player]:
    """Yield a player of a new gateway, whose demo merchant has one destination of events."""
    async with AsyncExitStack() as stack:
        receiver = await stack.enter_async_context(Receiver())
        secret = folder / "secrets" / "shop-hooks" / "secret"
        secret.parent.mkdir(parents=True)
        secret.write_text(SECRET)
        destination = {
            "apiVersion": "kurs.dev/v1alpha1",
            "kind": "EventDestination",
            "metadata": {"name": "orders"},
            "spec": {
                "merchant": "demo",
                "url": receiver.url,
                "secretRef": {"name": "shop-hooks", "key": "secret"},
                "allowInsecure": True,
            },
        }
        file = folder / "destinations" / "orders.yaml"
        file.parent.mkdir()
        file.write_text(yaml.safe_dump(destination))
        overrides = {
            "webhooks": {"private_destination_hosts": "127.0.0.1"},
            "payments": {"payment_seconds": 60.0, "lease_seconds": 90.0},
            "api-gateway": {"request_seconds": 90.0},
        }
        gateway = JoinedGateway(folder, SAMPLES, overrides=overrides)
        await stack.enter_async_context(gateway)
        await eventually(partial(reads_the_feed, gateway.apps["webhooks"]))
        yield Player(gateway, receiver)


async def _write(page: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with player(Path(folder)) as playing:
            page.write_text(await playing.play(page.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    asyncio.run(_write(Path(sys.argv[1]) if len(sys.argv) > 1 else PAGE))

"""The receivers of docs/webhooks.md, run as they stand there, take what we send and no more."""

import asyncio
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from standardwebhooks import Webhook, WebhookVerificationError
from tests.webhooks.receiver import OTHER, SECRET

from kurs.kernel.clock import MICROS, SystemClock
from kurs_testing.waiting import eventually
from webhooks.domain.delivery import Delivery
from webhooks.domain.signing import signed_headers

PAGE = Path(__file__).parents[2] / "docs" / "webhooks.md"
PACKAGES = Path(__file__).with_name("javascript")
UNREACHABLE = re.compile(r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|ETIMEDOUT")
DELIVERY = Delivery(
    destination="orders",
    sequence=44,
    previous=41,
    event_id="evt_1",
    payment_id="p1",
    event='{"id":"evt_1","sequence":44,"description":"toko kué"}',
    happened_at=0,
    attempts=0,
    replays=0,
)
BODY = DELIVERY.body


def code(language: str) -> str:
    """Return the one block of a language that the page has."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    return str(found)


def headers(body: bytes = BODY, *, ago: int = 0, secrets: str = SECRET) -> dict[str, str]:
    now = SystemClock().now() - ago * MICROS
    return dict(signed_headers(secrets.split(","), "evt_1", body, now))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def running(command: list[str], port: int, folder: Path) -> AsyncIterator[str]:
    """Run a receiver until the block ends; yields its URL."""
    environment = {**os.environ, "WEBHOOK_SECRET": SECRET, "PORT": str(port)}
    process = await asyncio.create_subprocess_exec(*command, cwd=folder, env=environment)
    url = f"http://127.0.0.1:{port}/hooks"

    async def listens() -> bool:
        try:
            async with aiohttp.ClientSession() as session, session.post(url):
                return True
        except aiohttp.ClientError:
            return False

    try:
        await eventually(listens)
        yield url
    finally:
        process.terminate()
        await process.wait()


async def statuses(url: str) -> Mapping[str, int]:
    """Send what is right and what is not, and return what was answered to each."""
    sent = {
        "right": (BODY, headers()),
        "twice": (BODY, headers()),
        "two secrets": (BODY, headers(secrets=f"{OTHER},{SECRET}")),
        "a changed byte": (BODY.replace(b"44", b"45"), headers()),
        "an old time": (BODY, headers(ago=600)),
        "another id": (BODY, {**headers(), "webhook-id": "evt_2"}),
        "another secret": (BODY, headers(secrets=OTHER)),
        "no signature": (BODY, {}),
    }
    answers = {}
    async with aiohttp.ClientSession() as session:
        for name, (body, proof) in sent.items():
            async with session.post(url, data=body, headers=proof) as answer:
                answers[name] = answer.status
    return answers


EXPECTED = {
    "right": 204,
    "twice": 204,
    "two secrets": 204,
    "a changed byte": 401,
    "an old time": 401,
    "another id": 401,
    "another secret": 401,
    "no signature": 401,
}


async def test_the_receiver_in_python(tmp_path: Path) -> None:
    (tmp_path / "receiver.py").write_text(code("python"))
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "receiver:app", "--port", str(port)]
    async with running([*command, "--log-level", "error"], port, tmp_path) as url:
        assert await statuses(url) == EXPECTED


async def test_the_receiver_in_javascript(tmp_path: Path) -> None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node or npm is not on PATH: Debian's nodejs and npm, or https://nodejs.org")
    # By version and integrity, and without the scripts of packages.
    for file in ("package.json", "npm-shrinkwrap.json"):
        shutil.copy(PACKAGES / file, tmp_path)
    install = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    installed = await asyncio.to_thread(
        subprocess.run, install, cwd=tmp_path, check=False, capture_output=True, text=True
    )
    if UNREACHABLE.search(installed.stderr):
        pytest.skip(
            "npm reaches no registry: name one that has standardwebhooks, by "
            "npm config set registry <address>"
        )
    assert installed.returncode == 0, installed.stderr
    (tmp_path / "receiver.js").write_text(code("javascript"))
    port = free_port()
    async with running([node, "receiver.js"], port, tmp_path) as url:
        assert await statuses(url) == EXPECTED


def test_the_library_reads_the_event_with_what_came_before() -> None:
    event = Webhook(SECRET).verify(BODY, headers())
    assert event["previous_sequence"] == 41
    assert event["description"] == "toko kué"
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(BODY[:-2] + b" }", headers())

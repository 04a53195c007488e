"""Destinations of a system that is measured, and a receiver that takes what is sent to them."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from api_gateway.keys import DEV_MERCHANT
from devstack.errors import StackError
from devstack.ports import LOOPBACK
from devstack.topology import RunFolder
from loadtest.client import GatewayClient
from loadtest.webhooks.destinations import Sent, replace_destinations

_PATIENCE_SECONDS = 60.0


async def place(folder: RunFolder, client: GatewayClient, port: int, number: int) -> None:
    """Let so many destinations of who pays have a receiver; raises StackError if none of it is
    known in time.
    """
    url = f"http://{LOOPBACK}:{port}/"
    names = [f"taking-{each}" for each in range(number)]
    replace_destinations(folder, {name: Sent(DEV_MERCHANT, url) for name in names})
    deadline = time.perf_counter() + _PATIENCE_SECONDS
    while True:
        items = (await client.get("/event-destinations")).document["items"]
        if len(items) == number and all(item["reason"] != "Unknown" for item in items):
            return
        if time.perf_counter() > deadline:
            raise StackError(f"webhooks knows {len(items)} of {number} destinations")
        await asyncio.sleep(0.2)


@contextmanager
def receiver() -> Iterator[int]:
    """Yield the port of a receiver that takes everything, in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "loadtest.turns.taking"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait(_PATIENCE_SECONDS)

"""One merchant's floods, as a process: `python -m loadtest.fairness.floods payments <gateway>`.

Raw sockets and requests that are built once, so that a flood costs the machine as little as it can
beside what it makes the gateway do. The key is in the environment (API_KEY). It runs until it is
told to end, and then prints how often each status was answered.
"""

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from urllib.parse import urlsplit

import uvloop

ACCOUNTS = ("FLOOD-A", "FLOOD-B")
_JSON = "Content-Type: application/json"
_AGAIN_SECONDS = 0.05
Body = Callable[[], bytes]


class Flood:
    """Connections that each do one thing again and again, and what they were answered."""

    def __init__(self, gateway: str, key: str) -> None:
        url = urlsplit(gateway)
        self._host, self._port = url.hostname or "", url.port or 80
        self._bearer = f"Authorization: Bearer {key}"
        self._numbers = count()
        self.answers: Counter[str] = Counter()

    async def payments(self) -> None:
        """Pay on 64 connections, each as soon as it is answered."""
        await self._on(64, lambda: self._repeat("POST /payments", self._bearer, self._payment))

    async def bodies(self) -> None:
        """Send one byte of a body on each of 1,024 connections, and wait."""
        await self._on(1024, lambda: self._begin("POST /payments", self._bearer, 2, b"{"))

    async def streams(self) -> None:
        """Follow payments on 256 connections."""
        await self._on(256, lambda: self._begin("GET /payments/events", self._bearer, 0, b""))

    async def strangers(self) -> None:
        """Ask with a key that nobody knows on 64 connections, each as soon as it is answered."""
        wrong = "Authorization: Bearer kurs_live_nobody_0_00000000"
        await self._on(64, lambda: self._repeat("GET /rates", wrong, bytes))

    def _payment(self) -> bytes:
        source, destination = ACCOUNTS
        return json.dumps(
            {
                "payment_id": f"flood-{os.getpid()}-{next(self._numbers)}",
                "amount": "1.00",
                "currency": "USD",
                "source_account": source,
                "destination_account": destination,
            }
        ).encode()

    async def _on(self, connections: int, work: Callable[[], Awaitable[None]]) -> None:
        await asyncio.gather(*(self._keep(work) for _ in range(connections)))

    async def _keep(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except (OSError, asyncio.IncompleteReadError):
                self.answers["no answer"] += 1
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _repeat(self, line: str, authorization: str, body: Body) -> None:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            while True:
                content = body()
                writer.write(_head(line, authorization, len(content)) + content)
                if await self._answer(reader):
                    return
        finally:
            writer.close()

    async def _begin(self, line: str, authorization: str, length: int, content: bytes) -> None:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            writer.write(_head(line, authorization, length) + content)
            await self._status(reader)
            await reader.read()
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> bool:
        fields = await self._status(reader)
        length = next((f[15:] for f in fields if f.startswith(b"content-length:")), b"0")
        await reader.readexactly(int(length))
        return b"connection: close" in fields

    async def _status(self, reader: asyncio.StreamReader) -> list[bytes]:
        status, *fields = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
        self.answers[status.split(b" ")[1].decode()] += 1
        return fields


def _head(line: str, authorization: str, length: int) -> bytes:
    lines = [f"{line} HTTP/1.1", "Host: gateway", authorization]
    if length:
        lines += [_JSON, f"Content-Length: {length}"]
    return "\r\n".join([*lines, "", ""]).encode()


async def _run(kind: str, gateway: str) -> Counter[str]:
    flood = Flood(gateway, os.environ["API_KEY"])
    kinds = {
        "payments": flood.payments,
        "bodies": flood.bodies,
        "streams": flood.streams,
        "strangers": flood.strangers,
    }
    work = asyncio.create_task(kinds[kind]())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, work.cancel)
    await asyncio.gather(work, return_exceptions=True)
    return flood.answers


def main(arguments: Sequence[str]) -> int:
    """Flood until SIGTERM, and print what was answered."""
    kind, gateway = arguments
    # What is left of the machine, so that less of what is measured is the flood's own work.
    os.nice(19)
    print(json.dumps(uvloop.run(_run(kind, gateway))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

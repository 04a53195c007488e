"""Loads that are sent straight to one process while it is told to stop."""

import asyncio
import json
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from tests.crash.client import Target

from devstack import Stack

_WORKERS = 16
_FEWEST = 60
_REQUEST_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Load:
    """Requests of one sort to one process; `request` gives path and body by number."""

    target: Target
    request: Callable[[int], tuple[str, Any]]


@dataclass(slots=True)
class Sent:
    """What came of a load: answers by number, and every request that got none, with the reason.

    `unheard` counts those whose connection was refused: nobody took them.
    """

    answers: dict[int, tuple[int, Any]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    unheard: int = 0


async def stop_under_load(stack: Stack, load: Load) -> Sent:
    """Send, give SIGTERM to the process in the middle, and send on until it says that it stops.

    It says so by `Connection: close` in an answer; what was sent before that was read, with all
    that it accepted while it drained, must be answered.
    """
    sent = Sent()
    signalled, told = asyncio.Event(), asyncio.Event()
    numbers = iter(range(100_000))

    async def work(session: aiohttp.ClientSession) -> None:
        while not told.is_set():
            number = next(numbers)
            path, body = load.request(number)
            content = json.dumps(body).encode()
            headers = load.target.head("POST", path, content)
            try:
                async with session.post(
                    load.target.url + path, data=content, headers=headers
                ) as answer:
                    sent.answers[number] = answer.status, await answer.json()
                    if answer.headers.get("Connection", "").lower() == "close":
                        told.set()
            except aiohttp.ClientConnectorError:
                sent.unheard += 1
                told.set()
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                sent.failures.append(f"request {number}: {type(error).__name__} {error}")
                told.set()
            if len(sent.answers) >= _FEWEST and not signalled.is_set():
                signalled.set()
                stack.kill(load.target.process, signal.SIGTERM)

    limits = aiohttp.ClientTimeout(total=_REQUEST_SECONDS)
    async with aiohttp.ClientSession(timeout=limits) as session:
        await asyncio.gather(*(work(session) for _ in range(_WORKERS)))
    return sent

"""`python -m loadtest.faults`: what one fault of a database costs payments that have no part in it.

A gateway of processes on a PostgreSQL of its own; clients pay between accounts of their own, while
a row of another account is locked, one backend is stopped, or the primary is killed and another
server takes its place. What is measured is how long those payments take to an answer that is not
"later" (503, 504), and what it is: whoever is told to come later waits as `Retry-After` says, and
repeats the payment under its id.
"""

import argparse
import asyncio
import json
import math
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from statistics import quantiles
from typing import Any

import aiohttp
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from devstack import Stack
from loadtest.primary import followed
from loadtest.shop import Seen, Shop

_SWITCH_AFTER_SECONDS = 3.0
_LOCK = text("SELECT FROM balances WHERE account_id LIKE '%locked' FOR UPDATE")
_BUSY = text("""
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
    ORDER BY state = 'active' DESC, state_change DESC LIMIT 1""")
Fault = Callable[[], AbstractAsyncContextManager[None]]


def _faults(stack: Stack) -> dict[str, Fault]:
    return {
        "nothing": _nothing,
        "a locked row of the ledger": lambda: _locked(stack),
        "a stopped backend of wallet": lambda: _stopped(stack, "wallet"),
        "a stopped backend of payments": lambda: _stopped(stack, "payments"),
        # The last one: the primary that was is not there afterwards.
        "a change of the primary": lambda: _switched(stack),
    }


@asynccontextmanager
async def _nothing() -> AsyncIterator[None]:
    yield


@asynccontextmanager
async def _administrator(stack: Stack, service: str) -> AsyncIterator[AsyncConnection]:
    """Open a transaction of the database's owner."""
    url = make_url(stack.database_url(service)).set(username="postgres")
    engine = create_async_engine(url)
    try:
        async with engine.begin() as connection:
            yield connection
    finally:
        await engine.dispose()


@asynccontextmanager
async def _locked(stack: Stack) -> AsyncIterator[None]:
    async with _administrator(stack, "wallet") as owner:
        await owner.execute(_LOCK)
        yield


@asynccontextmanager
async def _stopped(stack: Stack, service: str) -> AsyncIterator[None]:
    """Stop the backend that was busy last, in whatever it does."""
    async with _administrator(stack, service) as owner:
        pid = (await owner.execute(_BUSY)).scalar_one()
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@asynccontextmanager
async def _switched(stack: Stack) -> AsyncIterator[None]:
    """Let another server take the primary's place, some seconds after the load begins."""
    with followed(*await server_of(stack)) as pair:

        async def switch() -> None:
            await asyncio.sleep(_SWITCH_AFTER_SECONDS)
            await asyncio.to_thread(pair.switch)

        switching = asyncio.create_task(switch())
        yield
        await switching


async def server_of(stack: Stack) -> tuple[Path, Path]:
    """Return the folders of the data and of the socket of a stack's server."""
    async with _administrator(stack, "wallet") as owner:
        data, socket = [
            Path(str((await owner.execute(text(f"SHOW {name}"))).scalar_one()))
            for name in ("data_directory", "unix_socket_directories")
        ]
        return data, socket


async def _measure(stack: Stack, seconds: float) -> dict[str, Any]:
    key = stack.api_key()
    headers = {"authorization": f"Bearer {key}"}
    timeout = aiohttp.ClientTimeout(total=60)
    figures = {}
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
        shop = Shop(stack, session)
        await shop.furnish()
        await shop.load(2.0)
        for name, fault in _faults(stack).items():
            async with fault():
                seen = await shop.load(seconds)
            figures[name] = _figures(seen)
            await asyncio.sleep(10.0)
    return figures


def _figures(seen: Seen) -> dict[str, Any]:
    times = sorted(taken for taken, _ in seen)
    cuts = quantiles(times, n=20) if len(times) > 1 else times * 20
    return {
        "payments": len(seen),
        "p50_ms": round(1000 * cuts[9]),
        "p95_ms": round(1000 * cuts[18]),
        "longest_ms": round(1000 * times[-1]),
        "answers": dict(Counter(what for _, what in seen).most_common()),
    }


def _some(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"not a number of seconds: '{text}'")
    return seconds


def main() -> None:
    """Measure, and print a line of JSON for each fault."""
    parser = argparse.ArgumentParser("python -m loadtest.faults", description=__doc__)
    parser.add_argument("--seconds", type=_some, default=15.0, help="of each fault (default: 15)")
    options = parser.parse_args()
    with Stack(database="postgresql") as stack:
        for name, figures in asyncio.run(_measure(stack, options.seconds)).items():
            sys.stdout.write(f"{name}: {json.dumps(figures)}\n")


if __name__ == "__main__":
    main()

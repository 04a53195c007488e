"""Clients that pay between accounts of their own, and come again as they are told to."""

import asyncio
import time
from typing import Any

import aiohttp

from devstack import Stack

CLIENTS = 16
LATER = ("503 503", "504 504")
_RETRY_AFTER_SECONDS = 1.0
_PATIENCE_SECONDS = 60.0
Seen = list[tuple[float, str]]
"""Seconds, and the status of the answer with that of the payment."""


class Shop:
    """A gateway under load."""

    def __init__(self, stack: Stack, session: aiohttp.ClientSession) -> None:
        self._stack = stack
        self._session = session
        self._number = 0

    async def post(self, path: str, body: Any) -> tuple[float, str]:
        """Post to the gateway; return the seconds, and what became of it."""
        began = time.monotonic()
        try:
            async with self._session.post(
                self._stack.url("api-gateway") + path, json=body
            ) as answer:
                document = await answer.json(content_type=None)
                what = document.get("status", "") if isinstance(document, dict) else ""
                return time.monotonic() - began, f"{answer.status} {what}".strip()
        except (aiohttp.ClientError, TimeoutError) as error:
            return time.monotonic() - began, type(error).__name__

    async def pay(self, source: str, destination: str) -> tuple[float, str]:
        """Pay a cent, until it is answered; return the seconds, and what became of it."""
        self._number += 1
        body = {
            "payment_id": f"f{self._number}",
            "amount": "0.01",
            "currency": "USD",
            "source_account": source,
            "destination_account": destination,
        }
        began = time.monotonic()
        while True:
            _, answer = await self.post("/payments", body)
            if answer not in LATER or time.monotonic() - began > _PATIENCE_SECONDS:
                return time.monotonic() - began, answer
            await asyncio.sleep(_RETRY_AFTER_SECONDS)

    async def furnish(self) -> None:
        """Open an account per client, and the one that is locked."""
        accounts = [f"a{n}" for n in range(2 * CLIENTS)] + ["locked"]
        await self.post("/accounts", [{"account_id": each} for each in accounts])
        for each in accounts:
            body = {"deposit_id": each, "account_id": each, "currency": "USD", "amount": "9999"}
            await self.post("/deposits", body)

    async def load(self, seconds: float) -> Seen:
        """Pay for a while, and return what those saw that have no part in the fault."""
        ends, seen = time.monotonic() + seconds, []

        async def client(number: int) -> None:
            while time.monotonic() < ends:
                seen.append(await self.pay(f"a{2 * number}", f"a{2 * number + 1}"))

        async def unlucky() -> None:
            while time.monotonic() < ends:
                await self.pay("locked", "a0")

        await asyncio.gather(*(client(n) for n in range(1, CLIENTS)), unlucky())
        return seen

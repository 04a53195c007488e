"""A ledger whose postings are cut into partitions of twenty, to be archived."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from tests.wallet.harness import WalletApp, fx, pay, wallet_app

from kurs.data.database import Database
from kurs.data.migrations import migrate
from kurs.data.partitions import Partition, partitions_of
from kurs.kernel.clock import MICROS
from kurs_testing.telemetry import RecordingTelemetry
from wallet.archiving import Archiving
from wallet.metrics import WalletMetrics
from wallet.migrations import VERSIONS
from wallet.partitions import keep_room
from wallet.sums import LedgerSums

DAY = 86_400
ROWS = 20
FIRST_BOUND = 2 * ROWS
"""The first partition has what was there, and what comes until the second."""


class CutLedger:
    """A wallet with alice and bob on a database of its own, and what a person does beside it."""

    def __init__(self, url: str, wallet: WalletApp, database: Database, folder: Path) -> None:
        self.url, self.wallet, self.database, self.folder = url, wallet, database, folder
        self.said: list[str] = []
        self._paid = 0

    @property
    def now(self) -> int:
        return self.wallet.clock.now()

    async def pay(self, payments: int) -> None:
        """Pay across currencies: five postings each, so that some stand in two partitions."""
        for _ in range(payments):
            await keep_room(self.database, WalletMetrics(RecordingTelemetry("room")))
            self.wallet.clock.advance(seconds=1)
            self._paid += 1
            (result,) = await self.wallet.transfer(fx(f"f{self._paid}", "alice", "bob", 2))
            assert result["status"] == "applied", result

    async def settle(self) -> None:
        """Let two days pass, and the audit sum up what was made before."""
        self.wallet.clock.advance(seconds=2 * DAY)
        await LedgerSums(self.database, whole_micros=DAY * MICROS).settle(self.now)

    async def fill_the_first(self) -> None:
        """Fill the first partition, and let what is behind it settle, too."""
        await self.pay(8)
        await self.settle()
        await self.pay(1)
        await self.settle()

    def archiving(self) -> Archiving:
        return Archiving(self.database, self.url, self.folder, self.now, self.said.append)

    async def archive(self) -> int:
        return await self.archiving().run(self.now - DAY * MICROS)

    async def parts(self) -> list[Partition]:
        return await self.database.read(lambda c: partitions_of(c, "postings"))

    async def rows(self, query: str) -> list[Any]:
        return await self.database.read(lambda c: [tuple(r) for r in c.execute(text(query))])

    async def told(self) -> dict[str, Any]:
        """Return everything that is said of sums: balances, positions and the trial balance."""
        trial = await self.wallet.get("/ledger/trial-balance", roles="audit")
        names = ("alice", "bob", "house:liquidity", "house:fx-revenue", "house:world")
        balances = [await self.wallet.get(f"/balance/{n}", roles="read,audit") for n in names]
        return {"trial": trial.json(), "balances": [answer.json() for answer in balances]}


@asynccontextmanager
async def cut_ledger(
    url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[CutLedger]:
    monkeypatch.setattr("kurs.data.partitions.ROWS", ROWS)
    await asyncio.to_thread(migrate, url, VERSIONS)
    database = Database.open(url)
    async with wallet_app(url) as wallet:
        await wallet.open("alice", "bob")
        await wallet.deposit("alice", "100.00")
        await wallet.deposit("bob", "100.00")
        await wallet.transfer(pay("warm", "alice", "bob", 1))
        yield CutLedger(url, wallet, database, folder)
    await database.close()

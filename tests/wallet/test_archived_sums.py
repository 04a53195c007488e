"""Whatever is archived, and whenever: every sum is what it would be if nothing had been.

On SQLite, which takes an archive like PostgreSQL, and here is rid of the rows by force.
"""

import asyncio
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text
from tests.wallet.harness import WalletApp, fx, pay, wallet_app

from kurs.data.database import Database
from kurs_testing.telemetry import RecordingTelemetry
from wallet.archiving import store
from wallet.audit import Audit
from wallet.domain.archives import Archive, Contents, StoredPosting, kept_digest, write_line
from wallet.metrics import WalletMetrics
from wallet.store.archives import archives_end
from wallet.store.places import place_of, posted_before
from wallet.sums import LedgerSums, all_sums, sums_from_the_start
from wallet.verification import verify

ACCOUNTS = ("demo/alice", "demo/bob")
_ALL = text("SELECT entry_id, transfer_id, account_id, currency, amount, created_at FROM postings")
OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["pay", "fx", "archive", "archive and remove", "wait"]), st.integers(1, 400)
    ),
    min_size=4,
    max_size=14,
)


class Kept:
    """A ledger, and all postings that it ever had."""

    def __init__(self, wallet: WalletApp, database: Database) -> None:
        self.wallet, self.database = wallet, database
        self.known: dict[int, StoredPosting] = {}
        self._number = 0

    async def do(self, operation: str, number: int) -> None:
        self._number += 1
        if operation == "pay":
            source, to = ACCOUNTS[number % 2], ACCOUNTS[1 - number % 2]
            await self.wallet.transfer(pay(f"p{self._number}", source, to, number))
        elif operation == "fx":
            await self.wallet.transfer(fx(f"f{self._number}", *ACCOUNTS, number))
        elif operation == "wait":
            self.wallet.clock.advance(seconds=number)
        else:
            await self._archive(number, remove="remove" in operation)
        for row in await self.database.read(lambda c: c.execute(_ALL).all()):
            self.known[row[0]] = StoredPosting(*row)

    async def _archive(self, number: int, *, remove: bool) -> None:
        last, _ = await self.database.read(archives_end)
        entries = sorted(entry for entry in self.known if entry > last)
        if len(entries) < 2:
            return
        until = entries[number % (len(entries) - 1)]
        await LedgerSums(self.database, whole_micros=0).settle(self.wallet.clock.now() + 10**10)
        whole_before = min(self.known[e].created_at for e in entries if e > until)
        contents = Contents(whole_before)
        for entry in entries:
            if entry <= until:
                contents.add(self.known[entry], write_line(self.known[entry]))
        archive = Archive(
            until, f"postings-{last + 1}-{until}", last + 1, contents.postings, contents.sha256,
            kept_digest(contents.sums(), contents.late), whole_before, self.wallet.clock.now(),
        )  # fmt: skip
        await self.database.write(lambda c: store(c, archive, contents))
        if remove:
            await self.database.write(lambda c: _remove(c, until))

    async def check(self) -> None:
        known = self.known.values()
        sums, counts = Counter[str](), Counter(p.currency for p in known)
        for posting in known:
            sums[posting.currency] += posting.amount
        expected = {currency: (sums[currency], count) for currency, count in counts.items()}
        assert await self.database.read(all_sums) == expected
        assert await self.database.read(sums_from_the_start) == expected
        assert (await verify(self.database, {})).findings == []
        for account in ACCOUNTS:
            await self.database.read(lambda c, a=account: self._check_places(c, a))

    def _check_places(self, connection: Connection, account: str) -> None:
        moments = sorted({p.created_at for p in self.known.values()})
        for moment in (0, *moments[:: max(1, len(moments) // 4)]):
            place = place_of(connection, account, moment)
            if place is not None:
                had: Counter[str] = Counter()
                for posting in self.known.values():
                    if posting.account_id == account and posting.entry_id < place:
                        had[posting.currency] += posting.amount
                told = posted_before(connection, account, place)
                assert {c: v for c, v in told.items() if v} == {c: v for c, v in had.items() if v}


def _remove(connection: Connection, until: int) -> None:
    connection.exec_driver_sql("DROP TRIGGER IF EXISTS postings_no_delete")
    connection.execute(text("DELETE FROM postings WHERE entry_id <= :until"), {"until": until})


@pytest.mark.parametrize("page", [3, 500])
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations=OPERATIONS)
def test_no_sum_changes(
    migrated_sqlite: Path,
    monkeypatch: pytest.MonkeyPatch,
    page: int,
    operations: list[tuple[str, int]],
) -> None:
    monkeypatch.setattr("wallet.comparison.PAGE", page)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "wallet.db"
        shutil.copy(migrated_sqlite, file)
        asyncio.run(_run(f"sqlite:///{file}", operations))


async def _run(url: str, operations: list[tuple[str, int]]) -> None:
    database = Database.open(url)
    async with wallet_app(url) as wallet:
        await wallet.open("alice", "bob")
        await wallet.deposit("alice", "100.00")
        await wallet.deposit("bob", "100.00")
        kept = Kept(wallet, database)
        telemetry = RecordingTelemetry("audit")
        metrics = WalletMetrics(telemetry)
        audit = Audit(database, wallet.clock, metrics, telemetry.logger, transfers=1)
        for operation in operations:
            await kept.do(*operation)
            await audit.run()
        await kept.check()
        wallet.clock.advance(seconds=7_200)
        for _ in range(40):
            await audit.run()
            wallet.clock.advance(seconds=3_600)
        assert telemetry.registry.get_sample_value("kurs_wallet_ledger_findings") == 0
    await database.close()

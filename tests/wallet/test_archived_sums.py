"""Whatever is archived, and whenever: every sum is what it would be if nothing had been.

On SQLite, which takes an archive like PostgreSQL, and here is rid of the rows by force.
"""

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text
from tests.wallet.harness import WalletApp, fx, pay, tamper, wallet_app

from kurs.data.database import Database
from kurs_testing.telemetry import RecordingTelemetry
from wallet.archiving import store
from wallet.audit import Audit
from wallet.comparison import Comparison, compared_before
from wallet.domain.archives import Archive, Contents, StoredPosting, kept_digest, write_line
from wallet.domain.tally import Tally
from wallet.metrics import WalletMetrics
from wallet.store.archives import archives_end, late_since
from wallet.store.checkpoints import drop_checkpoint, read_checkpoint
from wallet.store.places import place_of, posted_before
from wallet.sums import LedgerSums, all_sums, sums_from_the_start
from wallet.verification import compare_contents, verify
from wallet.walk import ChainWalk, Finding

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


@pytest.fixture
async def kept(sqlite_ledger: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Kept]:
    """A ledger of eight payments across currencies, an hour old, compared three postings a time."""
    monkeypatch.setattr("wallet.comparison.PAGE", 3)
    database = Database.open(sqlite_ledger)
    async with wallet_app(sqlite_ledger) as wallet:
        await wallet.open("alice", "bob")
        await wallet.deposit("alice", "100.00")
        made = Kept(wallet, database)
        for number in range(8):
            await made.do("wait", 1)
            await made.do("fx", number + 1)
        await made.do("wait", 3_600)
        yield made
        await made.check()
    await database.close()


class Pass:
    """One pass of the comparison, and how often it searched the whole ledger."""

    def __init__(self, kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
        self._kept = kept
        self.searched = 0
        monkeypatch.setattr("wallet.comparison.compare_contents", self._search)

    async def _search(self, database: Database) -> list[Finding]:
        self.searched += 1
        return await compare_contents(database)

    async def begin(self) -> Comparison:
        database, now = self._kept.database, self._kept.wallet.clock.now()
        archived = await database.read(archives_end)
        asked = Tally(compared_before(now), since=archived.whole_before)
        walk = ChainWalk(database, asked=asked)
        await walk.begin()
        while not walk.done:
            assert await walk.step() == []
        return Comparison(database, walk, asked)

    async def end(self, comparison: Comparison) -> list[Finding]:
        while not await comparison.go_on(self._kept.wallet.clock.now(), 1):
            pass
        return comparison.findings


@pytest.mark.parametrize("slices", range(1, 12))
async def test_an_archive_in_the_middle_of_a_pass_is_no_finding(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, slices: int
) -> None:
    compared = Pass(kept, monkeypatch)
    comparison = await compared.begin()
    assert not await comparison.go_on(kept.wallet.clock.now(), slices)
    await kept.do("archive and remove", 22)
    assert await compared.end(comparison) == []


async def test_a_pass_after_an_archive_searches_nothing(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number is one at which a payment has postings on both sides."""
    await kept.do("archive and remove", 22)
    late = await kept.database.read(lambda c: late_since(c, archives_end(c).whole_before))
    assert {posting.transfer_id for posting in late} == {
        kept.known[late[-1].entry_id + 1].transfer_id
    }
    compared = Pass(kept, monkeypatch)
    assert await compared.end(await compared.begin()) == []
    assert compared.searched == 0


async def test_an_account_whose_rest_is_young_is_compared_with_what_was_archived(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kept.do("archive and remove", 22)
    for number in range(12):
        await kept.do("fx", number + 1)
    compared = Pass(kept, monkeypatch)
    assert await compared.end(await compared.begin()) == []


async def test_sums_begin_at_what_was_archived_where_the_checkpoint_was_dropped(
    kept: Kept,
) -> None:
    await kept.do("archive and remove", 22)
    await kept.database.write(drop_checkpoint)
    await kept.check()
    sums, now = LedgerSums(kept.database, whole_micros=0), kept.wallet.clock.now()
    await sums.settle(now)
    checkpoint = await kept.database.read(read_checkpoint)
    assert checkpoint.entry_id == max(kept.known)
    assert {c: s.postings for c, s in checkpoint.sums.items()} == Counter(
        posting.currency for posting in kept.known.values()
    )
    assert await sums.prove(now) == []


async def test_a_proof_that_had_begun_goes_on_behind_the_archive(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wallet.sums._PAGE", 4)
    sums, now = LedgerSums(kept.database, whole_micros=0), kept.wallet.clock.now()
    await sums.settle(now)
    monkeypatch.setattr("wallet.sums._PAGES", 2)
    assert await sums.prove(now) is None
    await kept.do("archive and remove", 22)
    monkeypatch.setattr("wallet.sums._PAGES", 50)
    assert await sums.prove(now) == []


async def test_money_made_by_a_sum_of_no_archive_is_found_as_long_as_it_is_there(
    sqlite_ledger: str,
) -> None:
    async with wallet_app(sqlite_ledger) as wallet:
        await wallet.open("alice", "bob")
        await wallet.deposit("alice", "100.00")
        telemetry = RecordingTelemetry("audit")
        database = Database.open(sqlite_ledger)
        audit = Audit(database, wallet.clock, WalletMetrics(telemetry), telemetry.logger)
        await audit.run()
        await tamper(
            sqlite_ledger,
            "INSERT INTO archived_sums VALUES ('demo/bob', 'USD', 7, 77700, 1)",
            "INSERT INTO balances (account_id, currency, stripe, posted, held, overdraft) "
            "VALUES ('demo/bob', 'USD', 0, 77700, 0, 0)",
        )

        found = {finding.what for finding in (await verify(database, {})).findings}

        assert found == {
            "the balance of demo/bob is 77700 minor units of USD off its postings",
            "archived sums up to entry 7 are of no archive",
        }
        for _ in range(4):
            await audit.run()
            told = telemetry.registry.get_sample_value("kurs_wallet_ledger_findings")
            assert told is not None
            assert told > 0
            wallet.clock.advance(seconds=3_600)
        await database.close()

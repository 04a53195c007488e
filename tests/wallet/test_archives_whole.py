"""An archive has all that transfers asked for, once, whatever happens beside it."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from threading import Thread
from typing import Any

import pytest
from tests.wallet.archived import DAY, CutLedger
from tests.wallet.harness import pay, tamper

from kurs.data.database import Database
from kurs.kernel.clock import MICROS
from kurs.kernel.settings import CannotRun
from kurs_testing.telemetry import RecordingTelemetry
from wallet.archiving import Archiving
from wallet.audit import Audit
from wallet.metrics import WalletMetrics
from wallet.store.archives import archives_end
from wallet.store.archiving import extent_of
from wallet.store.checkpoints import archived_checkpoint
from wallet.sums import LedgerSums, sums_from_the_start
from wallet.verification import Report, verify

pytestmark = pytest.mark.postgres

ArchivedAt = Callable[[str, Callable[..., Any]], list[str]]


async def verified(ledger: CutLedger) -> Report:
    return await verify(ledger.database, {}, archives=ledger.folder)


async def audited(ledger: CutLedger) -> float | None:
    telemetry = RecordingTelemetry("audit")
    audit = Audit(ledger.database, ledger.wallet.clock, WalletMetrics(telemetry), telemetry.logger)
    for _ in range(4):
        await audit.run()
        ledger.wallet.clock.advance(seconds=3_600)
    return telemetry.registry.get_sample_value("kurs_wallet_ledger_findings")


async def nothing(*_: object) -> None:
    pass


AMISS = {
    "missing": "DELETE FROM postings WHERE transfer_id LIKE '%:warm'",
    "there twice": "INSERT INTO postings SELECT -entry_id, transfer_id, account_id, currency, "
    "amount, created_at FROM postings WHERE transfer_id LIKE '%:warm'",
}


@pytest.mark.parametrize("touch", AMISS.values(), ids=AMISS)
async def test_what_is_missing_or_there_twice_is_not_archived(
    old: CutLedger, monkeypatch: pytest.MonkeyPatch, touch: str
) -> None:
    """Touched when the ledger was verified already: each partition is compared by itself."""
    await tamper(old.url, touch)
    monkeypatch.setattr(Archiving, "_verify", nothing)
    with pytest.raises(CannotRun, match="nothing was archived"):
        await old.archive()


@pytest.mark.parametrize("touch", AMISS.values(), ids=AMISS)
async def test_what_is_missing_or_there_twice_in_archives_is_found(
    old: CutLedger, monkeypatch: pytest.MonkeyPatch, touch: str
) -> None:
    await tamper(old.url, touch)
    monkeypatch.setattr(Archiving, "_verify", nothing)
    monkeypatch.setattr(Archiving, "_compare", nothing)
    await old.archive()
    named = {finding.what for finding in (await verified(old)).findings}
    assert any(w.startswith(("no transfer asked for", "the archives have not all")) for w in named)


async def test_archives_that_do_not_join_up_are_found(
    old: CutLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "wallet.archiving.extent_of", lambda c, part: extent_of(c, part)._replace(first_entry=2)
    )
    assert await old.archive() == 1
    (found,) = (await verified(old)).findings
    assert found.what == "the archive postings-2-39 does not begin at entry 1"
    assert await audited(old) == 1


def archive_aside(old: CutLedger) -> None:
    async def archive() -> None:
        database = Database.open(old.url)
        await replace(old.archiving(), database=database).run(old.now - DAY * MICROS)
        await database.close()

    thread = Thread(target=lambda: asyncio.run(archive()))
    thread.start()
    thread.join()


@pytest.fixture
def archived_at(old: CutLedger, monkeypatch: pytest.MonkeyPatch) -> ArchivedAt:
    """Make an archive, and take its partition out, when a function was called the first time."""

    def patch(name: str, function: Callable[..., Any]) -> list[str]:
        done: list[str] = []

        def called(*given: Any) -> Any:
            found = function(*given)
            if not done:
                done.append(name)
                archive_aside(old)
            return found

        monkeypatch.setattr(name, called)
        return done

    return patch


async def test_an_archive_in_the_middle_of_a_sum_is_not_taken_for_what_is_gone(
    old: CutLedger, archived_at: ArchivedAt
) -> None:
    before = await old.database.read(sums_from_the_start)
    done = archived_at("wallet.sums.archived_checkpoint", archived_checkpoint)
    assert await old.database.read(sums_from_the_start) == before
    assert done != []


async def test_an_archive_in_the_middle_of_a_proof_is_not_taken_for_what_is_gone(
    old: CutLedger, archived_at: ArchivedAt
) -> None:
    sums = LedgerSums(old.database, whole_micros=0)
    done = archived_at("wallet.sums.archives_end", archives_end)
    assert await sums.prove(old.now) == []
    assert done != []


async def pay_days_behind(ledger: CutLedger, days: int) -> None:
    """Pay by a replica whose clock is that far behind."""
    ledger.wallet.clock.advance(seconds=-days * DAY)
    (paid,) = await ledger.wallet.transfer(pay("behind", "alice", "bob", 1))
    ledger.wallet.clock.advance(seconds=days * DAY)
    assert paid["status"] == "applied"


async def test_a_payment_by_a_clock_that_is_days_behind_is_whole(old: CutLedger) -> None:
    await old.archive()
    await pay_days_behind(old, 5)
    assert (await verified(old)).findings == []
    assert await audited(old) == 0

    await old.fill_the_first()
    assert await old.archive() >= 1
    assert (await verified(old)).findings == []


async def test_a_payment_by_a_clock_that_is_behind_is_compared(old: CutLedger) -> None:
    await old.archive()
    await pay_days_behind(old, 5)
    await tamper(old.url, "UPDATE postings SET amount = 2 * amount WHERE transfer_id ~ ':behind'")
    named = {finding.transfer_id for finding in (await verified(old)).findings}
    assert "pay:demo:behind" in named


async def test_a_clock_that_is_behind_makes_no_archive_of_late_postings(
    ledger: CutLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wallet.archiving._MOST_LATE", 5)
    await ledger.pay(8)
    await ledger.settle()
    await pay_days_behind(ledger, 30)
    await ledger.pay(1)
    await ledger.settle()
    ((entry,),) = await ledger.rows(
        "SELECT min(entry_id) FROM postings WHERE transfer_id LIKE '%behind'"
    )
    with pytest.raises(CannotRun, match=f"as young as entry {entry} "):
        await ledger.archive()
    assert not list(ledger.folder.iterdir())

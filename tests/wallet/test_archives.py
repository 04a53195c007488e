"""Old postings are set aside while payments go on, and nothing that is said of money changes."""

import asyncio
import json
from hashlib import sha256

import asyncpg
import pytest
from sqlalchemy import make_url
from tests.wallet.archived import FIRST_BOUND, ROWS, CutLedger
from tests.wallet.harness import fx, pay, tamper

from kurs.kernel.settings import CannotRun
from kurs_testing.telemetry import RecordingTelemetry
from kurs_testing.waiting import eventually
from wallet.archive_files import alone_in
from wallet.audit import Audit
from wallet.domain.archives import Archive
from wallet.metrics import WalletMetrics
from wallet.store.archives import list_archives
from wallet.verification import Report, verify

pytestmark = pytest.mark.postgres


async def archives(ledger: CutLedger) -> list[Archive]:
    return await ledger.database.read(list_archives)


async def verified(ledger: CutLedger, *, files: bool = True) -> Report:
    return await verify(ledger.database, {}, archives=ledger.folder if files else None)


async def audited(ledger: CutLedger) -> float:
    """Return how much the running audit finds, after passes over all of it."""
    telemetry = RecordingTelemetry("audit")
    metrics = WalletMetrics(telemetry)
    audit = Audit(ledger.database, ledger.wallet.clock, metrics, telemetry.logger)
    for _ in range(4):
        await audit.run()
        ledger.wallet.clock.advance(seconds=3_600)
    return telemetry.registry.get_sample_value("kurs_wallet_ledger_findings") or 0.0


async def test_what_is_said_of_money_is_the_same_before_and_after(old: CutLedger) -> None:
    before = await old.told()

    assert await old.archive() == 1

    assert await old.told() == before
    (archive,) = await archives(old)
    stored = await old.rows("SELECT count(*), min(entry_id) FROM postings")
    assert (archive.last_entry, stored[0][1]) == (FIRST_BOUND - 1, FIRST_BOUND)
    lines = (old.folder / f"{archive.name}.jsonl").read_text().splitlines()
    assert [json.loads(line)["entry_id"] for line in lines] == list(range(2, FIRST_BOUND))
    assert archive.postings == len(lines)
    for report in (await verified(old), await verified(old, files=False)):
        assert (report.findings, report.archived) == ([], archive.postings)
    assert await audited(old) == 0


async def test_a_payment_whose_postings_stand_on_both_sides_is_proven_whole(
    old: CutLedger,
) -> None:
    await old.archive()
    late = await old.rows("SELECT DISTINCT transfer_id FROM archived_late")
    both = await old.rows(
        "SELECT DISTINCT transfer_id FROM archived_late JOIN postings USING (transfer_id)"
    )
    assert both == late != []

    await tamper(old.url, "UPDATE archived_late SET amount = amount + 1 WHERE amount > 0")
    named = {finding.what for finding in (await verified(old)).findings}
    assert any("are 1 minor units" in what or "off what it asked for" in what for what in named)
    assert any(what.startswith("what is kept of") for what in named)


async def test_each_archive_goes_on_where_the_one_before_ended(old: CutLedger) -> None:
    before = await old.told()
    await old.archive()
    await old.pay(2 * ROWS // 5)
    await old.settle()
    await old.pay(1)
    await old.settle()
    between = await old.told()

    assert await old.archive() >= 1

    assert await old.told() == between != before
    made = await archives(old)
    assert [a.first_entry for a in made[1:]] == [a.last_entry + 1 for a in made[:-1]]
    assert (await verified(old)).findings == []
    assert await audited(old) == 0


async def test_an_id_that_was_used_answers_as_it_did(old: CutLedger) -> None:
    await old.archive()
    told = await old.told()

    again, other, reversal = await old.wallet.transfer(
        fx("f1", "alice", "bob", 2),
        pay("warm", "alice", "bob", 2),
        pay("back", "bob", "alice", 1, reverses="warm"),
    )

    assert (again["status"], again["replayed"]) == ("applied", True)
    assert other["status"] == "conflict"
    assert reversal["status"] == "applied"
    await old.wallet.transfer(pay("forth", "alice", "bob", 1))
    assert (await old.told())["balances"] == told["balances"]


async def test_lists_say_that_older_entries_are_elsewhere(old: CutLedger) -> None:
    path = "/accounts/alice/entries"
    before = (await old.wallet.get(f"{path}?limit=200")).json()
    assert before["archived_before"] is None

    await old.archive()

    after = (await old.wallet.get(f"{path}?limit=200")).json()
    assert after["items"] == before["items"][: len(after["items"])]
    assert 0 < len(after["items"]) < len(before["items"])
    assert after["archived_before"] <= after["items"][-1]["created_at"]
    first_page = (await old.wallet.get(f"{path}?limit=1")).json()
    assert (first_page["archived_before"], first_page["next_cursor"] is None) == (None, False)
    csv = await old.wallet.get("/accounts/alice/statement.csv")
    assert csv.headers["x-kurs-archived-before"] == after["archived_before"]
    none = await old.wallet.get("/accounts/alice/statement.csv?created_before=2020-01-01T00:00:00Z")
    assert (none.status_code, len(none.text.splitlines())) == (200, 1)


TOUCHED = {
    "a sum": "UPDATE archived_sums SET total = total + 1 WHERE account_id = 'demo/bob'",
    "a sum that is one more": "INSERT INTO archived_sums SELECT 'demo/carol', currency, "
    "last_entry, 5, 1 FROM archived_sums LIMIT 1",
    "a hash": "UPDATE archives SET sha256 = repeat('0', 64)",
    "a moment": "UPDATE archives SET whole_before = whole_before + 1",
    "an end": "UPDATE archives SET last_entry = last_entry + 1",
    "the archive": "DELETE FROM archives",
    "a sum of no archive": "INSERT INTO archived_sums SELECT account_id, currency, 7, 0, 0 "
    "FROM archived_sums LIMIT 1",
    "a sum behind all archives": "INSERT INTO archived_sums SELECT account_id, currency, "
    "9223372036854775807, 0, 0 FROM archived_sums LIMIT 1",
    "a late posting of no archive": "INSERT INTO archived_late SELECT 1000000, transfer_id, "
    "account_id, currency, amount, 0 FROM archived_late LIMIT 1",
    "a late posting before all archives": "INSERT INTO archived_late SELECT -7, transfer_id, "
    "account_id, currency, amount, 0 FROM archived_late LIMIT 1",
}


@pytest.mark.parametrize("touch", TOUCHED.values(), ids=TOUCHED)
async def test_what_stands_for_an_archive_cannot_be_touched_unseen(
    old: CutLedger, touch: str
) -> None:
    await old.archive()

    await tamper(old.url, touch)

    assert (await verified(old, files=False)).findings != []
    assert await audited(old) > 0


async def test_money_made_out_of_an_archived_sum_is_found_though_the_balance_fits(
    old: CutLedger,
) -> None:
    await old.archive()
    await tamper(
        old.url,
        "UPDATE archived_sums SET total = total + 777 "
        "WHERE account_id = 'demo/bob' AND currency = 'USD'",
        "UPDATE balances SET posted = posted + 777 "
        "WHERE account_id = 'demo/bob' AND currency = 'USD'",
    )
    assert "what is kept of" in (await verified(old, files=False)).findings[0].what
    assert await audited(old) > 0


async def test_a_file_that_was_touched_is_found(old: CutLedger) -> None:
    await old.archive()
    (file,) = old.folder.glob("*.jsonl")
    whole = file.read_bytes()

    file.write_bytes(whole.replace(b'"amount":-2,', b'"amount":-3,', 1))
    (found,) = (await verified(old)).findings
    assert found.what == f"{file.name} is not the file that was written"

    file.unlink()
    report = await verified(old)
    assert report.findings == []
    assert "is not there" in report.unread[0]

    file.write_bytes(whole)
    assert (await verified(old)).findings == []


async def test_a_file_that_was_touched_with_its_hash_is_found_by_what_was_asked_for(
    old: CutLedger,
) -> None:
    await old.archive()
    (file,) = old.folder.glob("*.jsonl")
    file.write_bytes(file.read_bytes().replace(b'"amount":-2,', b'"amount":-3,', 1))
    digest = sha256(file.read_bytes()).hexdigest()
    await tamper(old.url, f"UPDATE archives SET sha256 = '{digest}'")

    named = {finding.what for finding in (await verified(old)).findings}

    assert any(what.startswith("no transfer asked for entry") for what in named)
    assert any("is not the one that was made" in what for what in named)


async def test_what_is_not_closed_stays(ledger: CutLedger) -> None:
    await ledger.pay(2)
    await ledger.settle()
    assert (await ledger.archive(), "is not full" in ledger.said[-1]) == (0, True)

    await ledger.pay(8)
    assert (await ledger.archive(), "is not full" in ledger.said[-1]) == (0, True)

    ledger.wallet.clock.advance(seconds=3_600)
    await ledger.settle()
    assert await ledger.archiving().run(ledger.now - 30 * 86_400 * 10**6) == 0
    assert "postings of that day or later" in ledger.said[-1]
    assert await archives(ledger) == []


async def test_a_ledger_that_was_touched_is_not_archived(old: CutLedger) -> None:
    await tamper(old.url, "UPDATE postings SET amount = amount + 1 WHERE entry_id = 7")
    with pytest.raises(CannotRun, match="the ledger was touched"):
        await old.archive()
    assert (await archives(old), await old.rows("SELECT count(*) FROM archived_sums")) == (
        [],
        [(0,)],
    )


async def test_a_file_of_another_ledger_is_not_written_over(old: CutLedger) -> None:
    old.folder.mkdir()
    other = old.folder / f"postings-1-{FIRST_BOUND - 1}.jsonl"
    other.write_text("of another ledger\n")
    with pytest.raises(CannotRun, match="is of other postings"):
        await old.archive()
    assert [file.read_text() for file in old.folder.iterdir()] == ["of another ledger\n"]
    assert await archives(old) == []


async def test_one_command_at_a_time_writes_to_a_folder(old: CutLedger) -> None:
    with alone_in(old.folder), pytest.raises(CannotRun, match="another command writes"):
        await old.archive()
    assert await old.archive() == 1


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize(
    "step",
    ["wallet.archiving.compare_file", "wallet.archiving.append_link", "wallet.archiving.detach"],
)
async def test_killed_at_any_step_it_goes_on_where_it_was(
    old: CutLedger, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    before = await old.told()

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(step, die)
        with pytest.raises(Killed):
            await old.archive()
    assert await old.told() == before
    assert (await verified(old, files=False)).findings == []
    assert await audited(old) == 0

    await old.archive()

    assert await old.told() == before
    assert len(await archives(old)) == 1
    assert (await old.parts())[0].bound > FIRST_BOUND
    assert (await verified(old)).findings == []


async def session(url: str) -> asyncpg.Connection:
    where = make_url(url)
    host = str(where.query["host"])
    return await asyncpg.connect(host=host, user="postgres", database=where.database)


async def test_payments_go_on_while_a_partition_waits_to_leave(old: CutLedger) -> None:
    """Whoever reads an old moment keeps the partition, and holds up nobody else."""
    reader = await session(old.url)
    await reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    seen = await reader.fetchval("SELECT count(*) FROM postings")
    archiving = asyncio.create_task(old.archive())

    async def is_leaving() -> bool:
        return bool(await archives(old)) and any(p.leaving for p in await old.parts())

    await eventually(is_leaving)
    await old.pay(6)
    told = await old.told()
    assert not archiving.done()
    assert await reader.fetchval("SELECT count(*) FROM postings") == seen
    await reader.close()

    assert await archiving == 1
    assert await old.told() == told
    assert (await verified(old)).findings == []


async def test_killed_while_a_partition_leaves_it_is_brought_to_its_end(old: CutLedger) -> None:
    reader = await session(old.url)
    await reader.execute("BEGIN")
    await reader.execute("SELECT FROM postings LIMIT 1")
    archiving = asyncio.create_task(old.archive())

    async def is_leaving() -> bool:
        return any(part.leaving for part in await old.parts())

    await eventually(is_leaving)
    await reader.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%DETACH%' "
        "AND pid <> pg_backend_pid()"
    )
    with pytest.raises(Exception, match=r"terminat|closed"):
        await archiving
    await reader.close()
    assert (await old.parts())[0].leaving

    assert await old.archive() == 0

    assert not any(part.leaving or part.bound == FIRST_BOUND for part in await old.parts())
    assert (await verified(old)).findings == []

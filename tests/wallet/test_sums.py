"""Sums go on from a checkpoint, which the audit proves; nothing reads the ledger from its start."""

from collections.abc import AsyncIterator
from functools import partial

import pytest
from sqlalchemy import Connection, text
from tests.wallet.harness import WalletApp, pay, tamper

from kurs.data.database import Database
from kurs.data.failures import DatabaseBlocked
from kurs.data.limits import Limits
from wallet.store.checkpoints import (
    Checkpoint,
    drop_checkpoint,
    move_checkpoint,
    read_checkpoint,
)
from wallet.sums import LedgerSums, _settled
from wallet.verification import compare_sums

HOUR = 3_600_000_000
_LONG = {
    "postgresql": "SELECT pg_sleep(1.5)",
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000000)"
    " SELECT count(*) FROM n",
}


class Summed:
    """A ledger of a wallet with 30 settled payments, and its sums."""

    def __init__(self, wallet: WalletApp, database: Database) -> None:
        self.wallet, self.database = wallet, database
        self.sums = LedgerSums(database, whole_micros=HOUR)

    @property
    def now(self) -> int:
        return self.wallet.clock.now()

    async def checkpoint(self) -> Checkpoint:
        return await self.database.read(read_checkpoint)

    async def postings(self) -> int:
        return await self.database.read(lambda c: c.execute(_COUNT).scalar_one())

    async def trial_balance(self) -> dict[str, object]:
        answer = await self.wallet.get("/ledger/trial-balance", roles="audit")
        (line,) = answer.json()["currencies"]
        return line


_COUNT = text("SELECT count(*) FROM postings")


@pytest.fixture
async def summed(wallet: WalletApp, ledger_url: str) -> AsyncIterator[Summed]:
    await wallet.transfer(*[pay(f"pay:demo:{i}", "alice", "bob", 1_00) for i in range(30)])
    wallet.clock.advance(seconds=600)
    database = Database.open(ledger_url)
    yield Summed(wallet, database)
    await database.close()


async def test_a_checkpoint_stands_for_what_has_settled_and_the_rest_is_added(
    summed: Summed,
) -> None:
    before = await summed.trial_balance()
    await summed.sums.settle(summed.now)
    settled = await summed.postings()
    assert (await summed.checkpoint()).sums["USD"] == (0, settled)
    assert await summed.trial_balance() == before

    await summed.wallet.transfer(pay("pay:demo:young", "alice", "bob", 1))
    await summed.sums.settle(summed.now)
    assert (await summed.checkpoint()).sums["USD"].postings == settled
    assert (await summed.trial_balance())["postings"] == settled + 2
    assert await summed.sums.now() == {"USD": 0}


async def test_no_request_reads_what_the_checkpoint_stands_for(
    summed: Summed, ledger_url: str
) -> None:
    await summed.sums.settle(summed.now)
    await tamper(ledger_url, "UPDATE postings SET amount = amount + 1 WHERE amount > 0")
    assert (await summed.trial_balance())["sum"] == "0.00"
    await tamper(ledger_url, "UPDATE postings SET amount = amount - 1 WHERE amount > 0")


async def test_a_long_ledger_settles_and_is_proven_a_part_at_each_look(
    summed: Summed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wallet.sums._PAGE", 7)
    monkeypatch.setattr("wallet.sums._PAGES", 2)
    looks = 0
    while (await summed.checkpoint()).sums.get("USD", (0, 0))[1] < await summed.postings():
        await summed.sums.settle(summed.now)
        looks += 1
    assert looks == -(-await summed.postings() // 14)
    assert [await summed.sums.prove(summed.now) for _ in range(looks - 1)] == [None] * (looks - 1)
    assert await summed.sums.prove(summed.now) in ([], None)


async def test_a_posting_that_was_lost_behind_the_checkpoint_is_found_by_the_proof(
    summed: Summed, ledger_url: str
) -> None:
    await summed.sums.settle(summed.now)
    assert await summed.sums.prove(summed.now) == []
    await tamper(
        ledger_url,
        "CREATE TABLE kept AS SELECT * FROM postings WHERE transfer_id = 'pay:demo:7' "
        "AND amount < 0",
        "DELETE FROM postings WHERE transfer_id = 'pay:demo:7' AND amount < 0",
    )
    assert await summed.sums.prove(summed.now) is None
    findings = await summed.sums.prove(summed.now + HOUR)
    assert findings is not None
    assert [finding.what.split(" says ")[0] for finding in findings] == ["the checkpoint of USD"]
    # What was not so is told no more.
    assert (await summed.trial_balance())["sum"] == "1.00"
    await summed.sums.settle(summed.now + HOUR)
    assert await summed.sums.now() == {"USD": 1_00}
    await tamper(ledger_url, "INSERT INTO postings SELECT * FROM kept", "DROP TABLE kept")


async def test_a_checkpoint_that_was_touched_is_found_and_made_anew(summed: Summed) -> None:
    await summed.sums.settle(summed.now)

    def touch(connection: Connection) -> None:
        connection.execute(text("UPDATE checkpoints SET total = 5"))

    await summed.database.write(touch)
    assert (await summed.trial_balance())["sum"] == "0.05"
    assert await summed.sums.prove(summed.now)
    assert (await summed.trial_balance())["sum"] == "0.00"
    await summed.sums.settle(summed.now)
    assert (await summed.checkpoint()).sums["USD"].total == 0


async def test_of_two_replicas_the_one_that_saw_more_moves_the_checkpoint(summed: Summed) -> None:
    other = LedgerSums(summed.database, whole_micros=HOUR)
    await summed.sums.settle(summed.now)
    further = await summed.checkpoint()
    await other.settle(summed.now - 590_000_000)
    assert await summed.checkpoint() == further


async def test_what_was_summed_up_on_a_false_checkpoint_does_not_outlive_it(
    summed: Summed, ledger_url: str
) -> None:
    await summed.sums.settle(summed.now)
    await tamper(ledger_url, "UPDATE checkpoints SET total = total + 5")
    await summed.wallet.transfer(*[pay(f"pay:demo:y{i}", "alice", "bob", 1) for i in range(5)])
    summed.wallet.clock.advance(seconds=600)
    # One replica has read, and writes only after another one found it out.
    since, to = await summed.database.read(lambda c: _settled(c, summed.now - 300_000_000))
    assert to is not None
    assert await LedgerSums(summed.database, whole_micros=HOUR).prove(summed.now)
    await summed.database.write(partial(move_checkpoint, since=since, to=to))
    assert await summed.sums.now() == {"USD": 0}
    await summed.sums.settle(summed.now)
    assert (await summed.checkpoint()).sums["USD"] == (0, await summed.postings())


async def test_a_checkpoint_that_another_replica_dropped_is_no_finding(
    summed: Summed, monkeypatch: pytest.MonkeyPatch
) -> None:
    await summed.sums.settle(summed.now)
    monkeypatch.setattr("wallet.sums._PAGE", 10)
    monkeypatch.setattr("wallet.sums._PAGES", 2)
    assert await summed.sums.prove(summed.now) is None
    await summed.database.write(drop_checkpoint)
    assert await summed.sums.prove(summed.now) == []


async def test_what_reads_the_whole_ledger_has_time_for_it_and_nothing_else_has(
    summed: Summed, ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def take_long(connection: Connection, *_: object) -> list[object]:
        connection.exec_driver_sql(_LONG[connection.dialect.name])
        return []

    monkeypatch.setattr("wallet.verification.checks.wrong_holds", take_long)
    hasty = Database.open(ledger_url, limits=Limits(statement_seconds=0.5))
    assert await compare_sums(hasty) == []
    with pytest.raises(DatabaseBlocked):
        await hasty.read(take_long)
    await hasty.close()

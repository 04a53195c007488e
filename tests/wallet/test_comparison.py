"""The ledger is compared a slice at a time, while it grows, and what is wrong is named."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from sqlalchemy import Connection
from tests.wallet.harness import WalletApp, capture, fx, hold, pay, tamper

from kurs.data.database import Database
from wallet.comparison import Comparison, compared_before
from wallet.domain.tally import Tally
from wallet.walk import ChainWalk, Finding

DAY = 86_400


class Compared:
    """A wallet's ledger of some settled payments, and passes over it by slices of 3 postings."""

    def __init__(self, wallet: WalletApp, database: Database) -> None:
        self.wallet, self.database = wallet, database

    async def begin(self) -> Comparison:
        """Begin a pass, and walk the chains to their end."""
        asked = Tally(compared_before(self.wallet.clock.now()))
        walk = ChainWalk(self.database, asked=asked)
        await walk.begin()
        while not walk.done:
            await walk.step()
        return Comparison(self.database, walk, asked)

    async def findings(self) -> list[Finding]:
        comparison = await self.begin()
        while not await comparison.go_on(self.wallet.clock.now(), 1):
            pass
        return comparison.findings


@pytest.fixture
async def compared(
    wallet: WalletApp, ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Compared]:
    monkeypatch.setattr("wallet.comparison.PAGE", 3)
    await wallet.transfer(
        *[pay(f"pay:demo:{i}", "alice", "bob", 1_00) for i in range(8)],
        *[fx(f"f{i}", "bob", "alice", 2) for i in range(4)],
        hold("h1", "bob", 5_00, wallet.clock),
    )
    await wallet.transfer(capture("c1", "h1", "bob", "alice", 2_00))
    await wallet.transfer(hold("h2", "alice", 7, wallet.clock))
    wallet.clock.advance(seconds=DAY)
    database = Database.open(ledger_url)
    yield Compared(wallet, database)
    await database.close()


async def test_nothing_is_found_while_nothing_is_wrong(compared: Compared) -> None:
    assert await compared.findings() == []


async def test_a_ledger_that_grows_under_the_pass_is_as_right_as_before(
    compared: Compared,
) -> None:
    comparison = await compared.begin()
    over, number = False, 0
    while not over:
        over = await comparison.go_on(compared.wallet.clock.now(), 1)
        if number < 12:
            number += 1
            # Old and young postings in one account, and accounts that were passed already.
            await compared.wallet.transfer(
                pay(f"pay:demo:new{number}", "alice", "bob", 1),
                fx(f"new{number}", "bob", "alice", 1),
            )
            compared.wallet.clock.advance(seconds=100 if number % 3 else 0)
    assert comparison.findings == []
    compared.wallet.clock.advance(seconds=DAY)
    assert await compared.findings() == []


async def test_a_look_reads_no_more_of_a_large_ledger_than_of_a_small_one(
    compared: Compared, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[int] = []
    read = compared.database.read

    async def counted(work: Callable[[Connection], Any], **more: Any) -> Any:
        reads.append(1)
        return await read(work, **more)

    comparison = await compared.begin()
    monkeypatch.setattr(compared.database, "read", counted)
    assert not await comparison.go_on(compared.wallet.clock.now(), 2)
    assert len(reads) == 5


@pytest.mark.parametrize("name", ["demo/alice", "demo/bob", "house:liquidity", "house:world"])
async def test_a_balance_that_was_touched_is_found(
    compared: Compared, ledger_url: str, name: str
) -> None:
    change = "UPDATE balances SET posted = posted {} WHERE account_id = '{}' AND currency = 'USD'"
    await tamper(ledger_url, change.format("+ 1", name))
    (found,) = await compared.findings()
    assert found.what == f"the balance of {name} is 1 minor units of USD off its postings"
    await tamper(ledger_url, change.format("- 1", name))


_GIVE_BACK = """
    UPDATE postings SET transfer_id = 'pay:demo:1'
    WHERE transfer_id = 'pay:demo:2' AND entry_id IN (
        SELECT min(entry_id) FROM postings WHERE transfer_id = 'pay:demo:2' GROUP BY account_id)
"""


@pytest.mark.parametrize(
    ("touch", "mend", "named"),
    [
        (
            # The same sums on every account, of other transfers.
            "UPDATE postings SET transfer_id = 'pay:demo:2' WHERE transfer_id = 'pay:demo:1'",
            _GIVE_BACK,
            {"pay:demo:1", "pay:demo:2"},
        ),
        (
            "UPDATE postings SET created_at = created_at - 1 WHERE transfer_id = 'pay:demo:3'",
            "UPDATE postings SET created_at = created_at + 1 WHERE transfer_id = 'pay:demo:3'",
            {"pay:demo:3"},
        ),
    ],
)
async def test_postings_that_are_not_what_was_asked_for_are_named_though_all_sums_fit(
    compared: Compared, ledger_url: str, touch: str, mend: str, named: set[str]
) -> None:
    await tamper(ledger_url, touch)
    assert {finding.transfer_id for finding in await compared.findings()} == named
    await tamper(ledger_url, mend)
    assert await compared.findings() == []


async def test_a_transfer_whose_postings_are_gone_is_named_though_the_balances_fit(
    compared: Compared, ledger_url: str
) -> None:
    change = (
        "UPDATE balances SET posted = posted {} 100 "
        "WHERE account_id = 'demo/{}' AND currency = 'USD'"
    )
    await tamper(
        ledger_url,
        "CREATE TABLE kept AS SELECT * FROM postings WHERE transfer_id = 'pay:demo:5'",
        "DELETE FROM postings WHERE transfer_id = 'pay:demo:5'",
        change.format("+", "alice"),
        change.format("-", "bob"),
    )
    assert {finding.transfer_id for finding in await compared.findings()} == {"pay:demo:5"}
    await tamper(
        ledger_url,
        "INSERT INTO postings SELECT * FROM kept",
        "DROP TABLE kept",
        change.format("-", "alice"),
        change.format("+", "bob"),
    )


async def test_a_transfer_that_the_wallet_did_not_make_is_named(
    compared: Compared, ledger_url: str
) -> None:
    await tamper(
        ledger_url,
        "INSERT INTO transfers (transfer_id, kind, merchant, status, content, created_at) "
        "VALUES ('pay:demo:forged', 'hold', 'demo', 'refused', '{}', 1)",
    )
    assert [finding.transfer_id for finding in await compared.findings()] == ["pay:demo:forged"]
    await tamper(ledger_url, "DELETE FROM transfers WHERE transfer_id = 'pay:demo:forged'")


_FORGED = (
    "INSERT INTO postings (entry_id, transfer_id, account_id, currency, amount, created_at) "
    "VALUES ({}, 'pay:demo:forged', 'demo/bob', 'USD', {}, {})"
)
_RAISED = (
    "UPDATE balances SET posted = posted {} WHERE account_id = 'demo/bob' AND currency = 'USD'"
)


@pytest.mark.parametrize(("entry", "at"), [(10**7, 2**52), (0, 1), (-1, 2**52)])
async def test_a_posting_that_says_it_is_of_no_time_or_place_is_named_though_the_balance_fits(
    compared: Compared, ledger_url: str, entry: int, at: int
) -> None:
    await tamper(ledger_url, _FORGED.format(entry, 777, at), _RAISED.format("+ 777"))
    assert "pay:demo:forged" in {found.transfer_id for found in await compared.findings()}
    await tamper(
        ledger_url,
        "DELETE FROM postings WHERE transfer_id = 'pay:demo:forged'",
        _RAISED.format("- 777"),
    )


async def test_a_posting_is_no_balance_whatever_its_number(
    compared: Compared, ledger_url: str
) -> None:
    await tamper(ledger_url, _FORGED.format(0, -777, 1), _RAISED.format("+ 777"))
    named = {found.what for found in await compared.findings()}
    assert "the balance of demo/bob is 1554 minor units of USD off its postings" in named
    await tamper(
        ledger_url,
        "DELETE FROM postings WHERE transfer_id = 'pay:demo:forged'",
        _RAISED.format("- 777"),
    )


async def test_a_transfer_of_a_time_to_come_is_named(compared: Compared, ledger_url: str) -> None:
    await tamper(
        ledger_url,
        "INSERT INTO transfers (transfer_id, kind, merchant, status, content, created_at) "
        f"VALUES ('pay:demo:forged', 'hold', 'demo', 'refused', '{{}}', {2**52})",
    )
    assert [finding.transfer_id for finding in await compared.findings()] == ["pay:demo:forged"]
    await tamper(ledger_url, "DELETE FROM transfers WHERE transfer_id = 'pay:demo:forged'")


async def test_a_hold_that_was_touched_is_found(compared: Compared, ledger_url: str) -> None:
    change = (
        "UPDATE balances SET held = held {} 3 WHERE account_id = 'demo/bob' AND currency = 'USD'"
    )
    await tamper(ledger_url, change.format("+"))
    (found,) = await compared.findings()
    assert found.what == "demo/bob holds 3 minor units of USD more than its open holds"
    await tamper(ledger_url, change.format("-"))

"""Each transfer stands in a chain: whoever changes, adds or removes one past the wallet is found,
and the transfer is named.
"""

import asyncio

import pytest
from tests.wallet.harness import WalletApp, fx, hold, leg, pay, post, tamper, wallet_app

from kurs.data.database import Database
from kurs_testing.clock import ManualClock
from wallet.store.chain import read_tips
from wallet.verification import Report, verify


async def verified(url: str, published: dict[tuple[int, int], str] | None = None) -> Report:
    database = Database.open(url)
    try:
        return await verify(database, published or {})
    finally:
        await database.close()


async def named(url: str) -> list[str | None]:
    """Return the transfers that are named, the first one first."""
    return [finding.transfer_id for finding in (await verified(url)).findings]


TIMES_NINE = "UPDATE postings SET amount = amount * 9 WHERE transfer_id = 'pay:demo:one'"
_MOVE = "UPDATE balances SET posted = posted {} WHERE currency = 'USD' AND account_id = '{}'"
MOVED_ALONG = (_MOVE.format("- 8000", "demo/alice"), _MOVE.format("+ 8000", "demo/bob"))


@pytest.fixture
async def ledger(ledger_url: str) -> str:
    """A ledger with two deposits, two payments and a hold, each in a batch of its own."""
    async with wallet_app(ledger_url) as wallet:
        await wallet.open("alice", "bob")
        await wallet.deposit("alice", "100.00")
        await wallet.deposit("bob", "100.00")
        await wallet.transfer(pay("pay:demo:one", "alice", "bob", 10_00))
        wallet.clock.advance(seconds=1)
        await wallet.transfer(fx("pay:demo:two", "alice", "bob", 5_00))
        await wallet.transfer(hold("pay:demo:three", "alice", 1_00, wallet.clock))
    return ledger_url


async def test_an_untouched_ledger_verifies(ledger: str) -> None:
    report = await verified(ledger)
    assert (report.findings, report.transfers, report.links, report.unlinked) == ([], 5, 5, 0)


async def test_both_legs_times_ten_are_found_though_all_sums_stay_zero(ledger: str) -> None:
    await tamper(
        ledger, "UPDATE postings SET amount = amount * 10 WHERE transfer_id = 'pay:demo:one'"
    )
    report = await verified(ledger)
    assert report.findings[0].transfer_id == "pay:demo:one"
    assert any("the balance of demo/alice is 9000 minor units" in f.what for f in report.findings)


async def test_the_same_with_the_balances_moved_along_names_the_transfer(ledger: str) -> None:
    await tamper(
        ledger,
        TIMES_NINE,
        *MOVED_ALONG,
    )
    assert set(await named(ledger)) == {"pay:demo:one"}


async def test_content_changed_along_with_everything_else_is_found_by_the_chain(
    ledger: str,
) -> None:
    await tamper(
        ledger,
        TIMES_NINE,
        *MOVED_ALONG,
        "UPDATE transfers SET content = replace(content, '1000', '9000') "
        "WHERE transfer_id = 'pay:demo:one'",
    )
    assert await named(ledger) == ["pay:demo:one"]


@pytest.mark.parametrize(
    "column",
    ["merchant", "code", "message", "field", "hold_id", "config_revision", "context", "created_at"],
)
async def test_every_column_is_covered(ledger: str, column: str) -> None:
    await tamper(
        ledger, f"UPDATE transfers SET {column} = '17' WHERE transfer_id = 'pay:demo:three'"
    )
    assert await named(ledger) == ["pay:demo:three"]


async def test_the_first_of_several_is_named_first(ledger: str) -> None:
    await tamper(
        ledger,
        "UPDATE transfers SET context = 'x' WHERE transfer_id IN ('pay:demo:two', 'pay:demo:one')",
    )
    assert await named(ledger) == ["pay:demo:one", "pay:demo:two"]


async def test_a_transfer_that_was_removed_is_named(ledger: str) -> None:
    await tamper(
        ledger,
        "DELETE FROM transfers WHERE transfer_id = 'pay:demo:three'",
        "DELETE FROM holds WHERE hold_id = 'pay:demo:three'",
        "UPDATE balances SET held = 0",
    )
    assert await named(ledger) == ["pay:demo:three"]


async def test_a_transfer_that_the_wallet_did_not_make_is_named(ledger: str) -> None:
    await tamper(
        ledger,
        "INSERT INTO transfers SELECT 'pay:demo:forged', kind, merchant, status, code, message, "
        "field, content, NULL, reverses, hold_id, config_revision, context, created_at, actor "
        "FROM transfers WHERE transfer_id = 'pay:demo:one'",
        "INSERT INTO postings (transfer_id, account_id, currency, amount, created_at) "
        "SELECT 'pay:demo:forged', account_id, currency, amount, created_at FROM postings "
        "WHERE transfer_id = 'pay:demo:one'",
        *(change.replace("8000", "1000") for change in MOVED_ALONG),
    )
    assert await named(ledger) == ["pay:demo:forged"]


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE links SET entries = replace(entries, ']]', '] ]') WHERE sequence = 3", "made"),
        ("UPDATE links SET entries = 'x' WHERE sequence = 3", "made"),
        ("UPDATE links SET hash = 'x' WHERE sequence = 3", "made"),
        ("UPDATE links SET transfers = 2 WHERE sequence = 3", "made"),
        ("DELETE FROM links WHERE sequence = 3", "gone"),
        ("DELETE FROM links WHERE sequence = 5", "ends"),
        ("UPDATE chains SET sequence = 4 WHERE sequence = 5", "ends"),
        ("UPDATE chains SET hash = 'x' WHERE sequence = 5", "ends"),
        ("DELETE FROM chains WHERE sequence = 5", "gone"),
    ],
)
async def test_a_link_that_was_touched_is_found(ledger: str, statement: str, what: str) -> None:
    await tamper(ledger, statement)
    assert any(what in finding.what for finding in (await verified(ledger)).findings)


async def test_an_end_that_was_cut_off_is_found_by_a_published_head(ledger: str) -> None:
    database = Database.open(ledger)
    tips = await database.read(read_tips)
    await database.close()
    (tip,) = (tip for tip in tips if tip.sequence)
    await tamper(
        ledger,
        "DELETE FROM transfers WHERE transfer_id = 'pay:demo:three'",
        "DELETE FROM holds",
        "UPDATE balances SET held = 0",
        "DELETE FROM links WHERE sequence = 5",
        "UPDATE chains SET sequence = 4, hash = (SELECT hash FROM links WHERE sequence = 4) "
        "WHERE sequence = 5",
    )
    assert (await verified(ledger)).findings == []
    (found,) = (await verified(ledger, {(tip.chain, 5): tip.hash})).findings
    assert "its end was cut off" in found.what
    (found,) = (await verified(ledger, {(tip.chain, 2): "another"})).findings
    assert "not the one that was published" in found.what


@pytest.mark.postgres
async def test_two_processes_on_one_stripe_do_not_fork_the_chain(postgres_ledger: str) -> None:
    clock = ManualClock()
    async with (
        wallet_app(postgres_ledger, clock=clock, instance="same") as one,
        wallet_app(postgres_ledger, clock=clock, instance="same") as two,
    ):
        await one.open(*(f"a{i}" for i in range(8)))
        for i in range(8):
            await one.deposit(f"a{i}", "100.00")

        async def pay_often(wallet: WalletApp, first: int) -> None:
            for number in range(25):
                i = first + number % 4
                await wallet.transfer(
                    post(f"pay:demo:{first}-{number}", leg(f"a{i}", -1), leg("house:world", 1))
                )

        await asyncio.gather(
            *(pay_often(one, 0), pay_often(one, 1), pay_often(two, 3), pay_often(two, 4))
        )
    report = await verified(postgres_ledger)
    assert (report.findings, report.transfers) == ([], 108)


async def test_without_its_chain_nothing_moves(ledger: str) -> None:
    await tamper(ledger, "DELETE FROM chains")
    async with wallet_app(ledger) as wallet:
        (told,) = await wallet.transfer(pay("pay:demo:unlinked", "alice", "bob", 1_00))
        assert told["status"] == "skipped"
    assert "pay:demo:unlinked" not in await named(ledger)

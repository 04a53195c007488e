"""What a later release stored in the ledger is told as it is, moves nothing, and is never a 500."""

import asyncio
import json
from collections.abc import AsyncIterator
from io import StringIO

import pytest
from tests.later_release import store_as_later
from tests.wallet.harness import WalletApp, capture, deposit, hold, pay, void, wallet_app

from kurs.data.migrations import migrate
from wallet.migrations import VERSIONS

PAID = "WHERE transfer_id = 'pay:demo:p1'"
LATER = {
    "a status": f"UPDATE transfers SET status = 'disputed' {PAID}",
    "a code": f"UPDATE transfers SET status = 'refused', code = 'moon_phase' {PAID}",
    "a kind": f"UPDATE transfers SET kind = 'dispute' {PAID}",
    "a state of a hold": "UPDATE holds SET state = 'disputed'",
    "a kind of account": "UPDATE accounts SET kind = 'escrow' WHERE account_id LIKE '%alice'",
}
READS = ("/accounts", "/accounts/alice", "/balance/alice", "/accounts/alice/entries")


@pytest.fixture
async def old(database_url: str, log: StringIO) -> AsyncIterator[WalletApp]:
    """A wallet over a database of its own, where alice has paid, and holds money for bob."""
    if not database_url.startswith("sqlite"):
        await asyncio.to_thread(migrate, database_url, VERSIONS)
    async with wallet_app(database_url) as app:
        await app.open("alice", "bob")
        await app.post("/deposits", deposit("d1", "alice", "100.00"))
        await app.transfer(pay("p1", "alice", "bob", 1_00), hold("h1", "alice", 5_00, app.clock))
        yield app


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> StringIO:
    """What the wallet logs."""
    lines = StringIO()
    monkeypatch.setattr("kurs.telemetry.service.standard_output", lambda: lines)
    return lines


@pytest.mark.parametrize("statement", LATER.values(), ids=LATER)
async def test_it_is_read_by_the_release_before(
    old: WalletApp, database_url: str, statement: str
) -> None:
    await store_as_later(database_url, statement)

    reads = [await old.get(path, roles="read,audit") for path in READS]
    (again,) = await old.transfer(pay("p1", "alice", "bob", 1_00))

    assert [answer.status_code for answer in reads] == [200] * len(READS)
    assert again["transfer_id"] == "pay:demo:p1"
    assert await old.total("alice") == "99.00"


async def test_a_hold_in_an_unknown_state_is_not_open(old: WalletApp, database_url: str) -> None:
    await store_as_later(database_url, LATER["a state of a hold"])

    results = await old.transfer(capture("c1", "h1", "alice", "bob", 5_00), void("v1", "h1"))

    assert {result["code"] for result in results} == {"hold_closed"}
    assert await old.total("alice") == "99.00"


async def test_a_deposit_refused_for_an_unknown_reason_is_neutral_and_loud(
    old: WalletApp, database_url: str, log: StringIO
) -> None:
    refused = "status = 'refused', code = 'moon_phase', message = 'full moon'"
    await store_as_later(database_url, f"UPDATE transfers SET {refused} WHERE kind = 'deposit'")

    answer = await old.post("/deposits", deposit("d1", "alice", "100.00"))

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "deposit_refused")
    assert "deposit less" not in answer.text
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    (line,) = [line for line in lines if line["level"] == "error"]
    assert (line["deposit_id"], line["outcome"]) == ("d1", "moon_phase")

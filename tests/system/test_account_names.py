"""Accounts of two merchants through all services: names, payee ids, and what earlier releases left.

On both databases, since what is resolved is kept in one of them.
"""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text
from tests.system.conftest import PATIENT, SAMPLES
from tests.system.databases import create_databases
from tests.wallet.harness import open_as_before

from kurs.data.database import Database
from kurs_testing.joined import JoinedGateway

Make = Callable[..., dict[str, Any]]
_QUIET = {name: dict(told) for name, told in PATIENT.items()}
_QUIET["payments"] |= {"sweep_seconds": 3600.0}


class Two:
    """A gateway with the merchants demo and rival, who both have `alice`, `bob` and `shop`."""

    def __init__(self, gateway: JoinedGateway) -> None:
        self.gateway = gateway
        self.rival = gateway.issue_key("rival")
        self.keys = {"demo": gateway.key, "rival": self.rival}

    async def call(self, merchant: str, method: str, path: str, body: Any = None) -> Any:
        headers = {"idempotency-key": path} if path.endswith("/refunds") else {}
        key = self.keys[merchant]
        return await self.gateway.call(method, path, body, key=key, headers=headers)

    async def pay(self, body: dict[str, Any], merchant: str = "demo") -> dict[str, Any]:
        answer: dict[str, Any] = (await self.call(merchant, "POST", "/payments", body)).json()
        return answer

    async def total(self, merchant: str, account: str) -> str:
        lines = (await self.call(merchant, "GET", f"/balance/{account}")).json()["balances"]
        return next((line["total"] for line in lines if line["currency"] == "USD"), "0.00")

    async def payee_id(self, merchant: str, account: str) -> str:
        answer = await self.call(merchant, "GET", f"/accounts/{account}")
        return str(answer.json()["payee_id"])

    def url(self, service: str) -> str:
        file = self.gateway.folder / service
        return self.gateway.databases.get(service, f"sqlite:///{file}.db")

    async def as_before(self, payment_id: str) -> None:
        """Take from a payment what earlier releases did not store with it."""

        def forget(connection: Connection) -> None:
            change = text("UPDATE payments SET payer = NULL, payee = NULL WHERE payment_id = :id")
            assert connection.execute(change, {"id": payment_id}).rowcount == 1

        database = Database.open(self.url("payments"))
        await database.write(forget)
        await database.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def two(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Two]:
    urls = {}
    if request.param == "postgresql":
        urls = await create_databases(request.getfixturevalue("postgres_server"))
    joined = JoinedGateway(tmp_path / "kurs", SAMPLES, databases=urls, overrides=_QUIET)
    keys = Two(joined)
    async with joined:
        await joined.open_and_fund("alice", USD="100.00")
        await joined.open_and_fund("shop")
        for account in ("alice", "bob", "shop"):
            await keys.call("rival", "POST", "/accounts", {"account_id": account})
        yield keys
        for currency, total in (await joined.sums()).items():
            assert float(total) == 0, currency
        assert joined.transport.errors == []


async def test_both_have_a_shop_and_each_is_paid(two: Two, payment: Make) -> None:
    own = await two.pay(payment("p1", destination_account="shop", amount="1.00"))
    theirs = await two.pay(payment("p2", destination_account="rival/shop", amount="2.00"))
    assert [p["status"] for p in (own, theirs)] == ["CAPTURED"] * 2
    assert (await two.total("demo", "shop"), await two.total("rival", "shop")) == ("1.00", "2.00")
    # The owner's account is shown bare, another's with its merchant.
    assert [p["destination_account"] for p in (own, theirs)] == ["shop", "rival/shop"]
    whole = payment(
        "p3", source_account="demo/alice", destination_account="demo/shop", amount="4.00"
    )
    shown = await two.pay(whole)
    assert (shown["source_account"], shown["destination_account"]) == ("alice", "shop")
    listed = await two.call("demo", "GET", "/payments?account=demo%2Fshop")
    assert [p["payment_id"] for p in listed.json()["items"]] == ["p3", "p1"]
    listed = await two.call("demo", "GET", "/payments?account=rival%2Fshop")
    assert [p["payment_id"] for p in listed.json()["items"]] == ["p2"]


async def test_what_is_not_ones_own_is_not_open(two: Two, payment: Make) -> None:
    """An account of another merchant, one that it has not, and one of nobody answer alike."""
    said = [
        await two.pay(payment(f"p{i}", **{field: account}))
        for i, (field, account) in enumerate(
            [
                ("destination_account", "bob"),
                ("destination_account", "rival/bobby"),
                ("destination_account", "nobody/bob"),
                ("destination_account", "payee_" + "0" * 32),
                ("source_account", "rival/alice"),
                ("source_account", "rival/nobody"),
                ("source_account", "nobody/alice"),
            ]
        )
    ]
    failures = [answer["failure"] for answer in said]
    assert {failure["code"] for failure in failures} == {"account_not_found"}
    assert {failure["message"].partition(" is ")[2] for failure in failures} == {"not open"}


async def test_a_payee_id_is_all_that_a_payer_learns(two: Two, payment: Make) -> None:
    payee = await two.payee_id("rival", "shop")
    held = await two.pay(payment("p1", destination_account=payee, capture="manual"))
    done = (await two.call("demo", "POST", "/payments/p1/capture")).json()
    decision = (await two.call("demo", "GET", "/decisions/p1")).json()
    refund = await two.call("demo", "POST", "/payments/p1/refunds", {"amount": "1"})

    assert (held["status"], done["status"]) == ("AUTHORIZED", "CAPTURED")
    assert await two.total("rival", "shop") == "10.00"
    assert (refund.status, refund.json()["code"]) == (403, "refund_not_permitted")
    assert decision["inputs"]["destination_account"] == payee
    told = f"{held} {done} {decision} {refund.body.decode()}"
    assert "rival" not in told
    assert "shop" not in told
    own = await two.payee_id("demo", "alice")
    same = await two.pay(payment("p2", destination_account=own))
    assert same["failure"]["code"] == "same_account"


async def test_an_old_account_of_another_merchant_is_paid_on_by_its_bare_id(
    two: Two, payment: Make
) -> None:
    await open_as_before(two.url("wallet"), ("erin", "rival"), ("dave", "demo"))
    await two.gateway.call(
        "POST",
        "/deposits",
        {"deposit_id": "d", "account_id": "dave", "currency": "USD", "amount": "9"},
    )
    first = await two.pay(payment("p1", destination_account="erin", amount="1.00"))
    second = await two.pay(payment("p2", destination_account="rival/erin", amount="2.00"))
    third = await two.pay(
        payment("p3", source_account="dave", destination_account="alice", amount="3.00")
    )
    fourth = await two.pay(payment("p4", destination_account="dave", amount="4.00"))
    assert {p["status"] for p in (first, second, third, fourth)} == {"CAPTURED"}
    assert (await two.total("rival", "erin"), await two.total("demo", "dave")) == ("3.00", "10.00")
    for number, code in ((3, 200), (4, 200), (1, 403)):
        refund = await two.call("demo", "POST", f"/payments/p{number}/refunds", {"amount": "1"})
        assert refund.status == code, refund.body
    assert await two.total("demo", "dave") == "10.00"


@pytest.mark.parametrize("release", ["this", "before"])
async def test_a_name_that_becomes_ones_own_takes_no_payment_to_another(
    two: Two, payment: Make, release: str
) -> None:
    """Authorized for another merchant's account, captured into it, whatever is opened since."""
    await open_as_before(two.url("wallet"), ("erin", "rival"))
    for number in (1, 2, 3):
        body = payment(f"p{number}", destination_account="erin", capture="manual", amount="5.00")
        assert (await two.pay(body))["status"] == "AUTHORIZED"
    assert (await two.call("demo", "POST", "/payments/p3/capture")).json()["status"] == "CAPTURED"
    if release == "before":
        for number in (1, 2, 3):
            await two.as_before(f"p{number}")

    await two.gateway.open_and_fund("erin", USD="50.00")
    captured = (await two.call("demo", "POST", "/payments/p1/capture")).json()
    voided = (await two.call("demo", "POST", "/payments/p2/void")).json()
    refund = await two.call("demo", "POST", "/payments/p3/refunds", {"amount": "5"})

    assert (captured["status"], voided["status"]) == ("CAPTURED", "VOIDED")
    assert (refund.status, refund.json()["code"]) == (403, "refund_not_permitted")
    assert (await two.total("rival", "erin"), await two.total("demo", "erin")) == ("10.00", "50.00")
    # From now on the bare name is one's own, and the other is named with its merchant.
    await two.pay(payment("p4", destination_account="erin", amount="1.00"))
    assert await two.total("demo", "erin") == "51.00"


async def test_a_payment_of_an_earlier_release_goes_on(two: Two, payment: Make) -> None:
    """Between one's own accounts that it opened: captured, refunded at either rate, expired."""
    await open_as_before(two.url("wallet"), ("dave", "demo"))
    for number in (1, 2):
        body = payment(f"p{number}", destination_account="dave", capture="manual", amount="5.00")
        assert (await two.pay(body))["status"] == "AUTHORIZED"
        await two.as_before(f"p{number}")
    assert (await two.call("demo", "POST", "/payments/p1/capture")).json()["status"] == "CAPTURED"
    await two.as_before("p1")
    refund = await two.call("demo", "POST", "/payments/p1/refunds", {"amount": "2"})
    assert refund.json()["status"] == "SUCCEEDED", refund.body
    assert (await two.call("demo", "POST", "/payments/p2/void")).json()["status"] == "VOIDED"
    assert (await two.total("demo", "dave"), await two.total("demo", "alice")) == ("3.00", "97.00")


async def test_limits_of_an_account_hold_however_it_is_written(two: Two, payment: Make) -> None:
    """Risk counts one's own account once: its name, its whole name and its payee id are one."""
    payee = await two.payee_id("demo", "alice")
    for number, written in enumerate(("alice", "demo/alice", payee)):
        body = payment(f"p{number}", source_account=written, destination_account="shop")
        assert (await two.pay(body))["status"] == "CAPTURED"
        decision = (await two.call("demo", "GET", f"/decisions/p{number}")).json()
        assert decision["inputs"]["source_account"] == "alice"

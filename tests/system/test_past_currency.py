"""A currency that left the standard: nothing new is paid in it, and all that was goes on."""

from dataclasses import replace
from pathlib import Path

import pytest

from kurs.kernel.currencies import by_code
from kurs_testing.joined import JoinedGateway

SAMPLES = Path(__file__).parents[1] / "data" / "resources"
READS = (
    "/payments", "/payments/paid", "/payments/refunded", "/balance/alice", "/accounts/alice",
    "/accounts/alice/entries", "/ledger/trial-balance", "/currencies",
)  # fmt: skip


@pytest.fixture
def before(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The time when the lev was still one of the currencies."""
    all_payable = {code: replace(each, payable=True) for code, each in by_code().items()}
    monkeypatch.setattr("kurs.kernel.currencies.by_code", lambda: all_payable)
    return monkeypatch


async def test_payments_in_it_are_read_and_ended(
    tmp_path: Path, before: pytest.MonkeyPatch
) -> None:
    async with JoinedGateway(tmp_path, SAMPLES) as gateway:
        await gateway.open_and_fund("alice", BGN="100.00")
        await gateway.open_and_fund("bob", settlement_currency="BGN")
        for payment_id in ("paid", "refunded", "refused"):
            # Without a rate risk lets nothing through by itself.
            answer = await pay(gateway, payment_id)
            assert answer.json()["status"] == "REVIEW", answer.body
        before.undo()

        refused = await pay(gateway, "late")
        assert (refused.status, refused.json()["errors"][0]["field"]) == (422, "currency")

        for path, body in (
            ("/payments/paid/approve", None),
            ("/payments/refunded/approve", None),
            ("/payments/refused/refuse", None),
            ("/payments/refunded/refunds", {"amount": "2.50"}),
        ):
            answer = await gateway.call("POST", path, body, headers={"idempotency-key": path})
            assert answer.status == 200, (path, answer.body)
        for path in READS:
            answer = await gateway.call("GET", path)
            assert answer.status == 200, (path, answer.body)
        assert await gateway.balance("bob", "BGN") == "17.50"
        assert (await gateway.sums())["BGN"] == "0.00"
        listed = (await gateway.call("GET", "/currencies")).json()
        (lev,) = [each for each in currency_list(listed) if each["code"] == "BGN"]
        assert (lev["decimals"], lev["payable"]) == (2, False)


async def test_what_was_done_in_it_is_answered_again(
    tmp_path: Path, before: pytest.MonkeyPatch
) -> None:
    """A repeat gets the first answer, whatever became of the currency; what is new does not."""
    asked = [
        ("/accounts", {"account_id": "old", "settlement_currency": "BGN"}),
        ("/accounts", [{"account_id": "of", "settlement_currency": "BGN"}, {"account_id": "two"}]),
        ("/deposits", {"deposit_id": "d", "account_id": "old", "currency": "BGN", "amount": "100"}),
        ("/payments", {**_payment("named"), "source_account": "old"}),
        ("/payments", {**_payment(None), "source_account": "old", "destination_currency": "BGN"}),
    ]
    keyed = {"idempotency-key": "only-a-key"}
    headers = [{}, {}, {}, {}, keyed]
    async with JoinedGateway(tmp_path, SAMPLES) as gateway:
        await gateway.open_and_fund("bob")
        first = [
            await gateway.call("POST", path, body, headers=more)
            for (path, body), more in zip(asked, headers, strict=True)
        ]
        assert {answer.status for answer in first} == {200}, [a.body for a in first]
        before.undo()

        again = [
            await gateway.call("POST", path, body, headers=more)
            for (path, body), more in zip(asked, headers, strict=True)
        ]

        assert [a.status for a in again] == [200] * 5, [a.body for a in again]
        assert [a.json() for a in again] == [a.json() for a in first]
        new = [
            ("/accounts", {"account_id": "x", "settlement_currency": "BGN"}, "settlement_currency"),
            ("/accounts", [asked[0][1], {"account_id": "y", "settlement_currency": "BGN"}],
             "1.settlement_currency"),
            ("/deposits", {**asked[2][1], "deposit_id": "e"}, "currency"),
            ("/payments", {**asked[3][1], "payment_id": "other"}, "currency"),
            ("/payments", {**asked[3][1], "payment_id": "o", "currency": "EUR",
                           "destination_currency": "BGN"}, "destination_currency"),
        ]  # fmt: skip
        for path, body, field in new:
            answer = await gateway.call("POST", path, body)
            errors = answer.json()["errors"]
            assert (answer.status, [e["field"] for e in errors]) == (422, [field]), answer.body
            assert errors[0]["hint"]
        moved = {**asked[2][1], "amount": "101"}
        assert (await gateway.call("POST", "/deposits", moved)).json()["code"] == "deposit_conflict"
        assert (await gateway.sums())["BGN"] == "0.00"


def _payment(payment_id: str | None) -> dict[str, object]:
    body: dict[str, object] = {
        "amount": "10.00",
        "currency": "BGN",
        "source_account": "alice",
        "destination_account": "bob",
    }
    return body if payment_id is None else {"payment_id": payment_id, **body}


def currency_list(answer: object) -> list[dict[str, object]]:
    found = answer if isinstance(answer, list) else answer["currencies"]  # type: ignore[index]
    assert isinstance(found, list)
    return found


async def pay(gateway: JoinedGateway, payment_id: str):  # type: ignore[no-untyped-def]
    return await gateway.call("POST", "/payments", _payment(payment_id))

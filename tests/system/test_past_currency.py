"""A currency that left the standard: nothing new is paid in it, and all that was goes on."""

from pathlib import Path

import pytest

from kurs_testing.joined import JoinedGateway

SAMPLES = Path(__file__).parents[1] / "data" / "resources"
READS = (
    "/payments", "/payments/paid", "/payments/refunded", "/balance/alice", "/accounts/alice",
    "/accounts/alice/entries", "/ledger/trial-balance", "/currencies",
)  # fmt: skip


@pytest.fixture
def before(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The time when the lev was still one of the currencies."""
    monkeypatch.setattr("kurs.kernel.ids.is_payable", lambda _: True)
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


def currency_list(answer: object) -> list[dict[str, object]]:
    found = answer if isinstance(answer, list) else answer["currencies"]  # type: ignore[index]
    assert isinstance(found, list)
    return found


async def pay(gateway: JoinedGateway, payment_id: str):  # type: ignore[no-untyped-def]
    body = {
        "payment_id": payment_id,
        "amount": "10.00",
        "currency": "BGN",
        "source_account": "alice",
        "destination_account": "bob",
    }
    return await gateway.call("POST", "/payments", body)

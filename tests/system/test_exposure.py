"""What a merchant holds open across currencies has a ceiling, which risk judges."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.system.conftest import PATIENT, SAMPLES

from kurs_testing.clock import ManualClock
from kurs_testing.joined import JoinedGateway
from kurs_testing.parts import part
from payments.sweeper import Sweeper

Make = Callable[..., dict[str, Any]]
CEILING = """
apiVersion: kurs.dev/v1alpha1
kind: RiskThreshold
metadata:
  name: ceiling
spec:
  exposure: {currency: USD, maxMinor: 1000}
"""


@pytest.fixture
async def gateway(tmp_path: Path, clock: ManualClock):  # type: ignore[no-untyped-def]
    """Ten dollars may be open at once across currencies."""
    samples = tmp_path / "samples"
    samples.mkdir()
    (samples / "fx.yaml").write_text((SAMPLES / "fx.yaml").read_text())
    (samples / "ceiling.yaml").write_text(CEILING)
    async with JoinedGateway(tmp_path / "kurs", samples, clock=clock, overrides=PATIENT) as joined:
        await joined.open_and_fund("alice", USD="100.00", IDR="1000000.00")
        await joined.open_and_fund("ibu", settlement_currency="IDR")
        await joined.open_and_fund("bob")
        await joined.open_and_fund("juan", settlement_currency="USD")
        yield joined


@pytest.fixture
def held(payment: Make) -> Make:
    """A maker of payments of 6.00 USD to ibu, who settles in IDR, to be captured later."""

    def make(name: str, **changes: Any) -> dict[str, Any]:
        terms = {"amount": "6.00", "destination_account": "ibu", "capture": "manual", **changes}
        return payment(name, **terms)

    return make


async def pay(gateway: JoinedGateway, body: dict[str, Any]) -> tuple[str, str | None]:
    answer = (await gateway.call("POST", "/payments", body)).json()
    return answer["status"], (answer["failure"] or {}).get("code")


async def test_a_hold_beyond_the_ceiling_is_refused_and_one_less_makes_room(
    gateway: JoinedGateway, held: Make
) -> None:
    assert await pay(gateway, held("p1")) == ("AUTHORIZED", None)
    assert await pay(gateway, held("p2")) == ("FAILED", "exposure_exceeded")
    assert await pay(gateway, held("p3", amount="4.00")) == ("AUTHORIZED", None)
    # In another currency, of which a dollar costs 16,000.
    rupiah = {"currency": "IDR", "destination_account": "juan"}
    assert await pay(gateway, held("p4", amount="160.00", **rupiah)) == (
        "FAILED", "exposure_exceeded",
    )  # fmt: skip

    await gateway.call("POST", "/payments/p1/void")
    assert await pay(gateway, held("p5", amount="96000.00", **rupiah)) == ("AUTHORIZED", None)
    assert await pay(gateway, held("p6", amount="0.01")) == ("FAILED", "exposure_exceeded")


async def test_what_leaves_nothing_open_is_not_counted(gateway: JoinedGateway, held: Make) -> None:
    for name, changes in (
        ("same", {"destination_account": "bob", "amount": "50.00"}),
        ("now", {"capture": "automatic", "amount": "20.00"}),
    ):
        status, code = await pay(gateway, held(name, **changes))
        assert (status in ("AUTHORIZED", "CAPTURED"), code) == (True, None)
    assert await pay(gateway, held("p1", amount="10.00")) == ("AUTHORIZED", None)


async def test_many_at_once_do_not_pass_it_together(gateway: JoinedGateway, held: Make) -> None:
    answers = await asyncio.gather(*(pay(gateway, held(f"p{i}")) for i in range(8)))

    assert {code for _, code in answers} <= {None, "exposure_exceeded"}
    assert sum(status == "AUTHORIZED" for status, _ in answers) <= 1


async def test_another_merchant_has_its_own_ceiling(gateway: JoinedGateway, held: Make) -> None:
    other = gateway.issue_key("other")
    for account, more in (("their", {}), ("theirs", {"settlement_currency": "IDR"})):
        body = {"account_id": account, **more}
        await gateway.call("POST", "/accounts", body, key=other)
    fund = held("fund", amount="9.00", destination_account="other/their", capture="automatic")
    assert await pay(gateway, fund) == ("CAPTURED", None)
    assert await pay(gateway, held("p1")) == ("AUTHORIZED", None)

    theirs = held("p1", source_account="their", destination_account="theirs")
    answer = (await gateway.call("POST", "/payments", theirs, key=other)).json()
    assert answer["status"] == "AUTHORIZED", answer


async def test_the_exposure_is_a_metric(
    gateway: JoinedGateway, held: Make, clock: ManualClock
) -> None:
    await pay(gateway, held("p1"))
    clock.advance(seconds=30)
    await part(gateway.apps["payments"], Sweeper).sweep()
    registry = gateway.telemetry["payments"].registry
    shown = {"currency": "USD", "part": "holds"}
    assert registry.get_sample_value("kurs_payments_exposure", shown) == 6.0

    await gateway.call("POST", "/payments/p1/capture")
    clock.advance(seconds=30)
    await part(gateway.apps["payments"], Sweeper).sweep()
    assert registry.get_sample_value("kurs_payments_exposure", shown) == 0.0


async def test_quotes_have_a_ceiling_too(gateway: JoinedGateway) -> None:
    asked = {"source_currency": "USD", "destination_currency": "IDR", "source_amount": "6.00"}
    first = await gateway.call("POST", "/quotes", asked)
    second = await gateway.call("POST", "/quotes", asked)

    assert (first.status, second.status) == (200, 429)
    assert second.json()["code"] == "exposure_exceeded"
    back = {"source_currency": "IDR", "destination_currency": "JPY", "source_amount": "80000.00"}
    assert (await gateway.call("POST", "/quotes", back)).status == 429
    assert (await gateway.call("POST", "/quotes", {**asked, "source_amount": "4.00"})).status == 200

    registry = gateway.telemetry["fx"].registry
    assert registry.get_sample_value("kurs_fx_open_quotes", {"currency": "USD"}) == 10.0


async def refund(gateway: JoinedGateway, payment_id: str, amount: str) -> str:
    """Refund a part of a payment, and return the rate that it went at."""
    key = {"idempotency-key": f"{payment_id}-{amount}"}
    path = f"/payments/{payment_id}/refunds"
    made = (await gateway.call("POST", path, {"amount": amount}, headers=key)).json()
    assert made["status"] == "SUCCEEDED", made
    return str(made["rate"])


async def test_beyond_the_ceiling_refunds_go_at_the_present_rate(
    gateway: JoinedGateway, held: Make
) -> None:
    for name in ("p1", "p2"):
        now = held(name, amount="9.00", capture="automatic")
        assert await pay(gateway, now) == ("CAPTURED", None)

    assert await refund(gateway, "p1", "7.00") == "payment"
    assert await refund(gateway, "p1", "1.00") == "payment"
    assert await refund(gateway, "p2", "3.00") == "present"
    assert await refund(gateway, "p2", "2.00") == "payment"
    # What went back counts with what is held, and what went back at the present rate does not.
    assert await pay(gateway, held("p3", amount="0.01")) == ("FAILED", "exposure_exceeded")
    assert {float(total) for total in (await gateway.sums()).values()} == {0.0}


async def test_within_one_currency_a_refund_has_no_rate(gateway: JoinedGateway, held: Make) -> None:
    same = held("p1", destination_account="bob", amount="50.00", capture="automatic")
    assert await pay(gateway, same) == ("CAPTURED", None)

    assert await refund(gateway, "p1", "40.00") == "None"

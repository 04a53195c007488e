"""Refunds across currencies: at the payment's rate while it is young, later at the present one."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kurs.calls import Request
from kurs_operator.local import main as compile_samples
from kurs_testing.asgi import FaultKind
from kurs_testing.clock import ManualClock
from kurs_testing.joined import FX, RISK, WALLET, JoinedGateway
from kurs_testing.parts import part
from kurs_testing.waiting import eventually
from payments.sweeper import Sweeper

Make = Callable[..., dict[str, Any]]
SAMPLES = Path(__file__).parents[1] / "data" / "resources"
DAYS_31 = 31 * 24 * 3600


@pytest.fixture
def spread_is_returned() -> bool:
    return True


@pytest.fixture
async def gateway(  # type: ignore[no-untyped-def]
    tmp_path: Path, clock: ManualClock, spread_is_returned: bool
):
    overrides = {
        "payments": {
            "sweep_seconds": 3600.0,
            "payment_seconds": 60.0,
            "refund_returns_spread": spread_is_returned,
        },
        "api-gateway": {"request_seconds": 90.0},
    }
    joined = JoinedGateway(tmp_path / "kurs", SAMPLES, clock=clock, overrides=overrides)
    async with joined:
        await joined.open_and_fund("alice", USD="100.00")
        await joined.open_and_fund("ibu", settlement_currency="IDR", IDR="1000000.00")
        yield joined
        assert {float(total) for total in (await joined.sums()).values()} == {0.0}
        assert joined.transport.errors == []


async def pay(gateway: JoinedGateway, payment: Make) -> dict[str, Any]:
    answer = await gateway.call("POST", "/payments", payment("p1", destination_account="ibu"))
    assert answer.json()["status"] == "CAPTURED", answer.body
    return dict(answer.json())


async def refund(gateway: JoinedGateway, amount: str, key: str = "r1") -> Any:
    path = "/payments/p1/refunds"
    body = {"amount": amount}
    return await gateway.call("POST", path, body, headers={"idempotency-key": key})


async def dollar_costs(gateway: JoinedGateway, rupiah: str) -> None:
    """Put another rate in force."""
    folder = gateway.folder / f"rates-{rupiah}"
    folder.mkdir()
    for sample in SAMPLES.glob("*.yaml"):
        text = sample.read_text().replace('IDR: "16000"', f'IDR: "{rupiah}"')
        (folder / sample.name).write_text(text)
    compile_samples(["--samples", str(folder), "--out", str(gateway.folder), "--once"])
    await eventually(partial(_costs, gateway, rupiah))


async def _costs(gateway: JoinedGateway, rupiah: str) -> bool:
    answer = await gateway.call("GET", "/rate?base=USD&quote=IDR")
    return bool(answer.json()["mid"] == rupiah)


async def test_a_young_payment_is_given_back_at_its_own_rate(
    gateway: JoinedGateway, payment: Make
) -> None:
    paid = await pay(gateway, payment)
    await dollar_costs(gateway, "20000")

    made = (await refund(gateway, "4.00")).json()

    assert (made["status"], made["rate"], made["fx"]) == ("SUCCEEDED", "payment", paid["fx"])
    assert (made["destination_amount"], made["destination_currency"]) == ("63680.00", "IDR")
    assert await gateway.balance("ibu", "IDR") == "1095520.00"


@pytest.mark.parametrize(("rupiah", "given"), [("20000", "80402.02"), ("12000", "48241.21")])
async def test_an_old_payment_is_given_back_at_the_present_rate(
    gateway: JoinedGateway, clock: ManualClock, payment: Make, rupiah: str, given: str
) -> None:
    """Whichever way the rate went, the payer gets what was paid, and the house wins nothing."""
    paid = await pay(gateway, payment)
    await dollar_costs(gateway, rupiah)
    clock.advance(seconds=DAYS_31)
    before = float(await gateway.balance("ibu", "IDR"))

    made = (await refund(gateway, "4.00")).json()

    assert (made["status"], made["rate"]) == ("SUCCEEDED", "present")
    assert made["fx"]["quote_id"] != paid["fx"]["quote_id"]
    assert made["destination_amount"] == given
    assert await gateway.balance("alice", "USD") == "94.00"
    assert float(await gateway.balance("ibu", "IDR")) == pytest.approx(before - float(given))
    counted = gateway.telemetry["payments"].registry.get_sample_value(
        "kurs_payments_refunded_amount_total", {"currency": "USD", "rate": "present"}
    )
    assert counted == 4.0
    rest = (await refund(gateway, "6.01", "r2")).json()
    assert rest["code"] == "operation_not_allowed"
    assert (await refund(gateway, "6.00", "r3")).json()["payment"]["status"] == "REFUNDED"
    assert await gateway.balance("alice", "USD") == "100.00"


async def test_what_was_begun_late_keeps_the_rate_that_moved_it(
    gateway: JoinedGateway, clock: ManualClock, payment: Make
) -> None:
    """The answer is lost after the transfer; whoever goes on finds another rate, and the first."""
    await pay(gateway, payment)
    clock.advance(seconds=DAYS_31)
    gateway.transport.inject(WALLET, FaultKind.LOSE_ACKNOWLEDGEMENT, matches=_moves)
    open_answer = await refund(gateway, "4.00")
    assert (open_answer.status, open_answer.json()["status"]) == (202, "PROCESSING")
    assert open_answer.json()["fx"] is None

    gateway.transport.heal(WALLET)
    await dollar_costs(gateway, "20000")
    await _sweep(gateway, clock)

    made = await refund(gateway, "4.00")
    assert made.headers["idempotent-replayed"] == "true"
    assert made.json()["destination_amount"] == "64321.61"
    assert made.json()["fx"]["mid"] == "0.0000625"
    assert await gateway.balance("alice", "USD") == "94.00"
    assert await gateway.balance("ibu", "IDR") == "1094878.39"


async def test_a_refund_that_moved_is_no_failure_when_there_is_no_rate_any_more(
    gateway: JoinedGateway, clock: ManualClock, payment: Make
) -> None:
    await pay(gateway, payment)
    clock.advance(seconds=DAYS_31)
    gateway.transport.inject(WALLET, FaultKind.LOSE_ACKNOWLEDGEMENT, matches=_moves)
    assert (await refund(gateway, "4.00")).status == 202
    gateway.transport.heal(WALLET)
    clock.advance(seconds=10 * 365 * 24 * 3600)  # older than the source's rates may be
    await _sweep(gateway, clock)

    made = (await refund(gateway, "4.00")).json()
    assert (made["status"], made["destination_amount"]) == ("SUCCEEDED", "64321.61")
    assert (await refund(gateway, "1.00", "r2")).json()["failure"]["code"] == "stale_rate"
    assert await gateway.balance("alice", "USD") == "94.00"


async def test_without_an_answer_of_risk_a_young_refund_waits(
    gateway: JoinedGateway, clock: ManualClock, payment: Make
) -> None:
    """Whether it may go at the payment's rate is a matter of its merchant's limit."""
    await pay(gateway, payment)
    gateway.transport.inject(RISK, FaultKind.UNREACHABLE)
    assert (await refund(gateway, "4.00")).status == 202
    gateway.transport.heal(RISK)
    await _sweep(gateway, clock)

    made = (await refund(gateway, "4.00")).json()
    assert (made["status"], made["rate"]) == ("SUCCEEDED", "payment")


async def test_without_an_answer_of_fx_a_late_refund_waits(
    gateway: JoinedGateway, clock: ManualClock, payment: Make
) -> None:
    await pay(gateway, payment)
    clock.advance(seconds=DAYS_31)
    gateway.transport.inject(FX, FaultKind.UNREACHABLE, matches=_moves)
    assert (await refund(gateway, "4.00")).status == 202
    gateway.transport.heal(FX)
    await _sweep(gateway, clock)

    assert (await refund(gateway, "4.00")).json()["status"] == "SUCCEEDED"
    assert await gateway.balance("alice", "USD") == "94.00"


@pytest.mark.parametrize("spread_is_returned", [False])
async def test_the_spread_may_stay_with_the_house(gateway: JoinedGateway, payment: Make) -> None:
    await pay(gateway, payment)

    made = (await refund(gateway, "10.00")).json()

    assert (made["destination_amount"], made["rate"]) == ("160000.00", "payment")
    assert await gateway.balance("alice", "USD") == "100.00"
    assert await gateway.balance("ibu", "IDR") == "999200.00"


async def test_a_capture_and_its_refund_go_by_the_quote_of_the_hold(
    gateway: JoinedGateway, payment: Make
) -> None:
    held = payment("p1", destination_account="ibu", capture="manual")
    assert (await gateway.call("POST", "/payments", held)).json()["status"] == "AUTHORIZED"
    await dollar_costs(gateway, "20000")
    taken = await gateway.call("POST", "/payments/p1/capture", {"amount": "3.33"})

    assert (taken.json()["status"], taken.json()["destination_amount"]) == ("CAPTURED", "53013.60")
    assert (await refund(gateway, "1.11")).json()["destination_amount"] == "17671.20"


async def test_a_hold_whose_answer_was_lost_is_captured_by_its_quote(
    gateway: JoinedGateway, clock: ManualClock, payment: Make
) -> None:
    gateway.transport.inject(WALLET, FaultKind.LOSE_ACKNOWLEDGEMENT, matches=_moves)
    held = payment("p1", destination_account="ibu", capture="manual")
    assert (await gateway.call("POST", "/payments", held)).status == 202
    gateway.transport.heal(WALLET)
    await dollar_costs(gateway, "20000")
    await _sweep(gateway, clock)

    taken = await gateway.call("POST", "/payments/p1/capture")
    assert (taken.json()["status"], taken.json()["destination_amount"]) == ("CAPTURED", "159200.00")


async def test_a_payment_in_review_is_approved_by_the_quote_that_it_was_held_by(
    gateway: JoinedGateway, payment: Make
) -> None:
    deposit = {"deposit_id": "d", "account_id": "alice", "currency": "USD", "amount": "9900.00"}
    await gateway.call("POST", "/deposits", deposit)
    large = payment("p1", destination_account="ibu", amount="6000.00")
    assert (await gateway.call("POST", "/payments", large)).json()["status"] == "REVIEW"
    await dollar_costs(gateway, "20000")

    approved = (await gateway.call("POST", "/payments/p1/approve")).json()

    assert (approved["status"], approved["destination_amount"]) == ("CAPTURED", "95520000.00")
    assert (await refund(gateway, "6000.00")).json()["rate"] == "payment"


def _moves(request: Request) -> bool:
    return request.url.endswith("/batch")


async def _sweep(gateway: JoinedGateway, clock: ManualClock) -> None:
    clock.advance(seconds=60)
    for _ in range(3):
        await part(gateway.apps["payments"], Sweeper).sweep()

"""A refusal whose answer was lost is adopted with its reason, in the ledger's own words."""

from pathlib import Path

from tests.payments.harness import BODY, SAMPLES

from kurs.calls import Request
from kurs_testing.asgi import FaultKind
from kurs_testing.clock import ManualClock
from kurs_testing.joined import WALLET, JoinedGateway


def is_transfer(request: Request) -> bool:
    return request.url.endswith("/transfers/batch")


async def test_a_refusal_that_was_lost_keeps_its_reason(tmp_path: Path) -> None:
    clock = ManualClock()
    overrides = {"payments": {"sweep_seconds": 3600.0, "payment_seconds": 0.5}}
    async with JoinedGateway(tmp_path, SAMPLES, clock=clock, overrides=overrides) as gateway:
        await gateway.open_and_fund("alice", USD="4.00")
        await gateway.open_and_fund("bob")
        kind = FaultKind.LOSE_ACKNOWLEDGEMENT
        gateway.transport.inject(WALLET, kind, matches=is_transfer)
        assert (await gateway.call("POST", "/payments", BODY)).status == 202
        gateway.transport.heal(WALLET)
        clock.advance(seconds=60)

        told = (await gateway.call("POST", "/payments", BODY)).json()

        assert told["failure"]["code"] == "insufficient_funds"
        assert told["failure"]["message"] == (
            "account alice has 4.00 USD available, 10.00 USD is needed"
        )

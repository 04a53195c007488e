"""The codes of other services: each means something for a payment, and an unknown one is loud."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.payments.harness import BODY, SAMPLES

from kurs.contracts import fx, risk, wallet
from kurs.contracts.batch import Skip, skip_of
from kurs.kernel.money import InvalidAmount, parse_amount
from kurs_testing.clock import ManualClock
from kurs_testing.joined import JoinedGateway
from kurs_testing.parts import part
from payments.clients import BatchClient
from payments.domain.failure import Failure, FailureCode, refusal_of

CODES = [(service.__name__, code) for service in (wallet, fx, risk) for code in service.Code]
UNKNOWN = "kurs_payments_unknown_codes_total"


@pytest.mark.parametrize(("service", "code"), CODES, ids=[f"{s}-{c}" for s, c in CODES])
def test_every_code_of_another_service_means_something_here(service: str, code: str) -> None:
    failure = refusal_of(code, "why").failure

    assert failure.is_known, service
    if code in FailureCode.__members__.values():
        assert (failure.code, failure.message) == (code, "why")


@pytest.mark.parametrize("text", ["", "1.2.3", "-1", "0", "1.001", "9" * 30])
def test_the_codes_of_amounts_are_in_the_contracts(text: str) -> None:
    with pytest.raises(InvalidAmount) as refused:
        parse_amount(text, "USD")

    assert refused.value.code in {*fx.Code}
    assert refused.value.code in {*risk.Code}


def test_a_code_that_nobody_knows_is_kept_and_told_as_one_without_a_code() -> None:
    failure = refusal_of("moon_phase", "full moon").failure

    assert failure == Failure("moon_phase", "moon_phase: full moon")
    assert (failure.is_known, failure.known) == (False, FailureCode.REFUSED)
    assert failure.public_message == "refused for a reason that has no code here"


@pytest.mark.parametrize(
    ("result", "skip"),
    [
        ({"status": "skipped", "code": "deadline_exceeded"}, Skip.LATE),
        ({"status": "skipped", "code": "invalid"}, Skip.UNREADABLE),
        ({"status": "skipped", "code": "failed"}, Skip.FAILED),
        # A later release's word for it, and those of the release before.
        ({"status": "skipped", "code": "tired"}, Skip.FAILED),
        ({"status": "skipped", "code": "ledger_failed"}, Skip.FAILED),
        ({"status": "refused", "code": "invalid"}, Skip.UNREADABLE),
        ({"status": "refused", "code": "validation_failed"}, Skip.UNREADABLE),
        ({"status": "refused", "code": "internal"}, Skip.UNREADABLE),
        ({"status": "refused", "code": "stale_rate"}, None),
        ({"status": "quoted"}, None),
    ],
)
def test_what_decides_nothing_is_never_a_refusal(result: dict[str, Any], skip: Skip | None) -> None:
    assert skip_of(result) is skip


async def test_an_unknown_code_ends_the_payment_with_a_log_line_and_a_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with JoinedGateway(tmp_path, SAMPLES, clock=ManualClock()) as gateway:
        await gateway.open_and_fund("alice", USD="100.00")
        await gateway.open_and_fund("bob")
        telemetry = gateway.telemetry["payments"]
        wallet_client = part(gateway.apps["payments"], BatchClient, "wallet")
        said = {"status": "refused", "replayed": False, "code": "moon_phase", "message": "full"}

        async def refuse(items: Sequence[Any], _: Sequence[Any]) -> list[Any]:
            return [said for _ in items]

        monkeypatch.setattr(wallet_client, "ask", refuse)

        told = await gateway.call("POST", "/payments", BODY)

        assert (told.status, told.json()["status"]) == (400, "FAILED")
        assert told.json()["failure"] == {
            "code": "refused",
            "message": "refused for a reason that has no code here",
        }
        assert telemetry.registry.get_sample_value(UNKNOWN) == 1

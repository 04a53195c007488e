"""Whether limits allow what a merchant holds open: asked between services, nothing is stored."""

from pathlib import Path
from typing import Any

import pytest
from tests.risk.harness import DAY, RiskApp, attempt, policy, risk_app, risk_document, rows

from risk.domain.exposure import is_within
from risk.domain.rates import NO_RATES

OPEN = {"currency": "USD", "maxMinor": 1000}
CORRIDOR = {"corridors": [{"from": "USD", "to": "IDR"}]}
NOTHING_ELSE = {"currency": "USD", "reviewAboveMinor": 0, "declineAboveMinor": 0}


def asked(*amounts: tuple[str, int], **more: Any) -> dict[str, Any]:
    """Return a question about a refund of USD that were paid for IDR."""
    return {
        "merchant": "demo",
        "currency": "USD",
        "destination_currency": "IDR",
        "exposure": [{"currency": code, "amount_minor": minor} for code, minor in amounts],
        **more,
    }


async def ask(risk: RiskApp, *items: Any) -> list[Any]:
    answer = await risk.client.post("/exposure/batch", json={"items": list(items)})
    assert answer.status_code == 200, answer.text
    return [result.get("within", result.get("code")) for result in answer.json()["results"]]


@pytest.mark.parametrize(
    ("spec", "within"),
    [
        ({"exposure": OPEN}, [True, False, False]),
        ({"exposure": OPEN, "mode": "Shadow"}, [True] * 3),
        ({"exposure": OPEN, "scope": CORRIDOR}, [True, False, True]),
        ({"exposure": OPEN, "scope": {"currencies": ["SGD"]}}, [True] * 3),
        ({"exposure": OPEN, "suspend": True}, [True] * 3),
        ({"perPayment": NOTHING_ELSE}, [True] * 3),
    ],
)
async def test_enforced_limits_that_cover_it_are_kept_to(
    sqlite_url: str, tmp_path: Path, spec: dict[str, Any], within: list[bool]
) -> None:
    async with risk_app(sqlite_url, tmp_path / "config", risk_document(ceiling=spec)) as risk:
        answers = await ask(
            risk,
            asked(("USD", 1000)),
            asked(("USD", 1001)),
            asked(("USD", 1001), destination_currency="JPY"),
        )

    assert answers == within
    assert await rows(sqlite_url, "SELECT * FROM decisions") == []


async def test_an_item_that_cannot_be_judged_is_skipped_alone(small_risk: RiskApp) -> None:
    late = asked(("USD", 1), deadline_ms=0)
    wrong = asked(("USD", 0))

    assert await ask(small_risk, late, wrong, "x", asked(("USD", 10**29))) == [
        "deadline_exceeded", "invalid", "invalid", True,
    ]  # fmt: skip


async def test_only_payments_may_ask(small_risk: RiskApp) -> None:
    for path in ("/exposure/batch", "/exposure/batch/"):
        answer = await small_risk.get(path)
        assert answer.status_code in (401, 403, 405)


@pytest.mark.parametrize(
    ("missing", "within"), [("Decline", False), ("Review", True), ("Allow", True)]
)
def test_without_a_rate_a_limit_is_kept_to_unless_it_declines_then(
    missing: str, within: bool
) -> None:
    limits = policy(ceiling={"exposure": OPEN, "onMissingData": missing})
    holder = attempt(destination_currency="IDR")._replace(exposure=(("IDR", 10**12), ("USD", 1)))

    assert is_within(limits, holder, NO_RATES, 0) is within


def test_a_limit_holds_from_its_beginning_to_its_end() -> None:
    window = {"effectiveFrom": "1970-01-02T00:00:00Z", "effectiveUntil": "1970-01-03T00:00:00Z"}
    limits = policy(ceiling={"exposure": OPEN, **window})
    holder = attempt(destination_currency="IDR")._replace(exposure=(("USD", 1001),))
    day = DAY * 1_000_000

    found = [is_within(limits, holder, NO_RATES, at) for at in (day - 1, day, 2 * day - 1, 2 * day)]
    assert found == [True, False, False, True]

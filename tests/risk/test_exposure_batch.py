"""Whether limits allow what a merchant holds open: asked between services, nothing is stored."""

from pathlib import Path
from typing import Any

import pytest
from tests.risk.harness import RiskApp, risk_app, risk_document, rows

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

"""risk.domain.exposure: limits of what is held open, for what is no payment."""

from typing import Any

import pytest
from tests.risk.harness import DAY, attempt, policy

from kurs.quotes.rate_table import NO_RATES
from risk.domain.exposure import is_within

OPEN = {"currency": "USD", "maxMinor": 1000}


@pytest.mark.parametrize(
    ("spec", "within"),
    [
        ({"exposure": OPEN}, [True, False]),
        ({"exposure": OPEN, "mode": "Shadow"}, [True, True]),
        (
            {"perPayment": {"currency": "USD", "reviewAboveMinor": 0, "declineAboveMinor": 0}},
            [True, True],
        ),
    ],
)
def test_enforced_limits_are_kept_to(spec: dict[str, Any], within: list[bool]) -> None:
    limits = policy(ceiling=spec)
    holder = attempt(destination_currency="IDR")
    holders = [holder._replace(exposure=(("USD", minor),)) for minor in (1000, 1001)]

    assert [is_within(limits, holder, NO_RATES, 0) for holder in holders] == within


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

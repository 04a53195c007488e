"""When an attempt is the one that was decided on, and what of it is stored."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.risk.harness import attempt

from risk.domain.decision import conflict, decide
from risk.domain.evaluation import Verdict
from risk.domain.outcome import Outcome

APPROVED = Verdict(Outcome.APPROVE, 0, [], [], [])
ids = st.sampled_from(("a", "A.b-c_d", "0" * 64))


@given(
    ids,
    st.integers(1, 2**63 - 1),
    ids,
    ids,
    st.none() | st.just("JPY"),
    st.none() | st.integers(0, 10),
)
def test_inputs_are_json_and_name_what_is_known(
    merchant: str,
    amount: int,
    source: str,
    destination: str,
    received: str | None,
    opened: int | None,
) -> None:
    payment = attempt(
        merchant=merchant,
        amount_minor=amount,
        source_account=source,
        destination_account=destination,
        destination_currency=received,
        source_opened_at=opened,
    )
    left_out = ("payment_id", "exposure")
    known = {k: v for k, v in payment._asdict().items() if v is not None and k not in left_out}

    assert json.loads(payment.inputs()) == known


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("merchant", "shop", "merchant"),
        ("amount_minor", 10_01, "amount"),
        ("currency", "EUR", "currency"),
        ("source_account", "carol", "source_account"),
        ("destination_account", "carol", "destination_account"),
        ("destination_currency", "JPY", "destination_currency"),
        ("source_opened_at", 5, "source_opened_at"),
        ("source_opened_at", 4, None),
        ("source_opened_at", None, None),
        ("destination_currency", None, None),
    ],
)
def test_a_conflict_names_the_field_that_differs(field: str, value: Any, named: str | None) -> None:
    payment = attempt(destination_currency="USD", source_opened_at=4)
    decision = decide(payment, APPROVED, "r", 0)

    assert conflict(payment._replace(**{field: value}), decision) == named


def test_a_fact_that_was_not_known_at_first_contradicts_nothing() -> None:
    decision = decide(attempt(payment_id="demo:p", source_opened_at=None), APPROVED, "r", 0)

    assert conflict(attempt(payment_id="demo:p", source_opened_at=4), decision) is None

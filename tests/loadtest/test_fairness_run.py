"""The measurement of fairness for real and short: every flood runs, and figures come out."""

import pytest
from tests.loadtest.measured import measured

from loadtest.fairness.measure import FLOODS

pytestmark = pytest.mark.crash


def test_every_flood_is_measured_and_answered() -> None:
    arguments = ("--turns", "1", "--seconds", "1", "--warm-up", "0.5")

    cases = {case["flood"]: case for case in measured("loadtest.fairness", *arguments)}
    assert cases.keys() == FLOODS.keys()
    for case in cases.values():
        assert case["payments"] > 0
        assert case["ratio"] > 0
    assert "401" in cases["strangers"]["flood_answers_per_second"]
    assert "429" in cases["streams"]["flood_answers_per_second"]

"""The measurement of webhooks for real and short: every good destination has its events."""

import pytest
from tests.loadtest.measured import measured


def test_deliveries_are_measured_alone_and_beside_bad_destinations() -> None:
    found = measured(
        "loadtest.webhooks",
        *("--destinations", "10", "--dead", "2", "--slow", "1"),
        *("--rate", "2", "--seconds", "1", "--rest", "0.1", "--turns", "0"),
    )

    alone, beside = found.values()
    assert alone["delivered"] == 14
    assert alone["missing"] == beside["missing"] == 0
    assert beside["delivered"] > 0
    assert beside["cpu_ms"] > 0


@pytest.mark.long
def test_what_destinations_cost_payments_is_measured_in_turns() -> None:
    found = measured(
        "loadtest.webhooks",
        *("--destinations", "0", "--turns", "2", "--turn-seconds", "1", "--payments", "20"),
    )

    assert found["payments"]["ratio"] > 0
    assert len(found["payments"]["without"]) == len(found["payments"]["with_some"]) == 2

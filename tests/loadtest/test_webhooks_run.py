"""The measurement of webhooks for real and short: every good destination has its events."""

from tests.loadtest.measured import measured


def test_deliveries_are_measured_alone_and_beside_bad_destinations() -> None:
    found = measured(
        "loadtest.webhooks",
        *("--destinations", "10", "--dead", "2", "--slow", "1"),
        *("--rate", "2", "--seconds", "1", "--rest", "0.1"),
    )

    alone, beside = found.values()
    assert alone["delivered"] == 14
    assert alone["missing"] == beside["missing"] == 0
    assert beside["delivered"] > 0
    assert beside["cpu_ms"] > 0

"""How exactly twelve buckets stand for a sliding window."""

from hypothesis import given
from hypothesis import strategies as st
from tests.risk.harness import attempt, policy

from kurs.kernel.clock import MICROS
from kurs.quotes.rate_table import NO_RATES
from risk.domain.batch import Batch
from risk.domain.policy import AmountSum, Policy, Threshold, VelocityLimit
from risk.domain.velocity import (
    BUCKETS,
    MAX_WINDOW_AMOUNT,
    Use,
    Windows,
    bucket_start,
    bucket_width,
    oldest_bucket,
)

START = 1_800_000_000 * MICROS
windows = st.integers(1, 31 * 86_400)
moments = st.integers(0, 10**9).map(lambda micros: START + micros)


@given(windows, moments, st.data())
def test_a_window_forgets_nothing_too_early_and_only_a_bucket_too_late(
    window: int, now: int, data: st.DataObject
) -> None:
    width = bucket_width(window)
    age = data.draw(st.integers(0, 2 * (window + width) * MICROS), "age")
    counted = bucket_start(now - age, width) >= oldest_bucket(now, window)

    assert counted or age > window * MICROS
    assert not counted or age < (window + width) * MICROS


@given(windows, moments)
def test_a_window_has_thirteen_buckets_at_most(window: int, now: int) -> None:
    width = bucket_width(window)
    reached = range(oldest_bucket(now, window), bucket_start(now, width) + 1, width)

    assert 1 <= len(reached) <= 13
    assert width <= max(1, window / 12 + 1)


@given(windows, moments)
def test_a_bucket_expires_only_when_no_window_of_its_width_reaches_it(
    window: int, now: int
) -> None:
    width = bucket_width(window)
    start = bucket_start(now, width)
    at_expiry = (start + width * (BUCKETS + 1)) * MICROS

    assert oldest_bucket(at_expiry, 12 * width) > start
    assert oldest_bucket(at_expiry - 1, 12 * width) == start
    assert oldest_bucket(at_expiry, window) > start


def test_what_a_batch_counts_fits_the_column_however_large_the_amounts() -> None:
    most = AmountSum("USD", 2**63 - 1)
    rules = Policy("r", (Threshold("t", velocity=(VelocityLimit("v", 60, None, most),)),))
    loaded = Windows()
    loaded.load("demo:alice", 60, "USD", Use(3, MAX_WINDOW_AMOUNT - 5))
    batch = Batch(rules, NO_RATES, START, {}, loaded)
    for amount in (3, 2**63 - 1):
        batch.score(attempt(amount_minor=amount))

    ((*_, attempts, stored),) = batch.counters()
    assert (attempts, stored) == (2, 5)


def test_a_threshold_that_is_not_yet_in_force_is_counted_for() -> None:
    velocity = {"name": "minute", "window": "60s", "maxCount": 1, "action": "Review"}
    rules = policy(later={"velocity": [velocity], "effectiveFrom": "2100-01-01T00:00:00Z"})
    batch = Batch(rules, NO_RATES, START, {}, Windows())
    batch.score(attempt())

    assert [row[:5] for row in batch.counters()] == [("demo:alice", 5, 1_800_000_000, "USD", 1)]


def test_windows_of_one_bucket_width_share_their_counters() -> None:
    rules = policy(
        standard={
            "velocity": [
                {"name": f"w{seconds}", "window": f"{seconds}s", "maxCount": 1, "action": "Review"}
                for seconds in (58, 60, 61)
            ]
        }
    )

    assert rules.windows == (58, 60, 61)
    assert rules.plan("USD").widths == (5, 6)

"""A limit that was approved stays, whichever resource states it, and whoever takes it away."""

from typing import Any

import pytest
from tests.operator.bench import Bench
from tests.operator.builders import threshold

from kurs_operator.ruling import Reason

YES, NO = Reason.ACCEPTED, Reason.TICKET_REQUIRED
RUPIAH = {"currencies": ["IDR"]}


@pytest.fixture
def bench() -> Bench:
    return Bench()


def limit(bound: int, name: str = "limits", **spec: Any) -> dict[str, Any]:
    bounds = {"currency": "USD", "reviewAboveMinor": 1, "declineAboveMinor": bound}
    return threshold(name, perPayment=bounds, **spec)


def declines(bench: Bench) -> set[tuple[str, int]]:
    """Return by what bound each threshold in force declines."""
    parts = bench.documents[1].payload.thresholds
    bounds = {p.name: p.spec.per_payment for p in parts}
    return {(name, one.decline_above_minor) for name, one in bounds.items() if one}


def test_who_edits_himself_under_another_is_held_back(bench: Bench):
    bench.apply(limit(100))
    assert bench.apply(limit(10**12, "high", priority=900, scope=RUPIAH)) is YES

    assert bench.apply(limit(100, scope=RUPIAH)) is NO
    assert declines(bench) == {("limits", 100), ("high", 10**12)}
    assert bench.ruling("high") is YES


def test_a_brake_is_no_gap_in_which_another_takes_the_place(bench: Bench):
    bench.apply(limit(100))
    for brake in ({"suspend": True}, {"mode": "Shadow"}):
        bench.apply(limit(100, **brake))
        assert bench.apply(limit(10**12, "high", priority=900)) is NO
        assert bench.apply(limit(100)) is YES
        assert declines(bench) == {("limits", 100)}


def test_what_lost_to_a_limit_does_not_take_its_place_while_that_is_suspended(bench: Bench):
    bench.apply(limit(100))
    lax = {"name": "burst", "window": "2h", "maxCount": 9, "action": "Decline"}
    bench.apply(limit(10**12, "low", priority=50, velocity=[lax]))
    assert bench.ruling("low") is Reason.CONFLICTED

    bench.apply(limit(100, suspend=True))
    assert bench.ruling("low") is NO
    assert "is held only for now" in bench.rulings["low"].message
    assert declines(bench) == set()
    assert bench.apply(limit(150, "other", priority=50)) is YES
    assert bench.apply(limit(10**12, "low", priority=60, changeTicket="CHG-1")) is YES


def test_one_that_comes_back_as_the_loser_throws_nobody_out(bench: Bench):
    bench.apply(limit(100))
    bench.apply(limit(100, suspend=True, scope=RUPIAH))
    bench.apply(limit(200, "high", priority=900))
    assert bench.apply(limit(50)) is Reason.CONFLICTED
    assert declines(bench) == {("high", 200)}
    assert bench.apply(limit(201, "high", priority=900)) is NO


def test_a_limit_is_held_where_the_winner_states_it(bench: Bench):
    bench.apply(limit(100))
    bench.apply(limit(200, "other", priority=900))
    assert bench.ruling("limits") is Reason.CONFLICTED

    assert bench.apply(limit(400, "other", priority=900)) is NO
    assert declines(bench) == {("other", 200)}
    bench.delete("other")
    assert bench.apply(limit(201)) is NO


def test_a_limit_that_moved_is_not_doubled_there(bench: Bench):
    both = {"currencies": ["USD", "IDR"]}
    bench.apply(limit(100, scope=both))
    bench.apply(limit(100, "dollars", scope={"currencies": ["USD"]}))
    bench.apply(limit(200, "rupiah", scope=RUPIAH))
    assert bench.apply(threshold(perPayment=None, scope=both)) is YES

    assert bench.apply(limit(400, "rupiah", scope=RUPIAH)) is NO
    assert bench.ruling("limits") is YES
    assert declines(bench) == {("dollars", 100), ("rupiah", 200)}
    assert bench.apply(limit(400, "rupiah", scope=RUPIAH, changeTicket="CHG-1")) is YES
    assert bench.ruling("limits") is YES
    assert bench.apply(limit(801, "rupiah", scope=RUPIAH, changeTicket="CHG-1")) is NO


def test_an_overridden_limit_that_becomes_another_still_holds(bench: Bench):
    bench.apply(limit(100))
    assert bench.apply(limit(200, "high", priority=900)) is YES
    for gone in ("XXX", "SEK"):
        bench.apply(limit(100, scope={"currencies": [gone]}))
        assert bench.apply(limit(400, "high", priority=900)) is NO
        assert bench.apply(limit(200, "high", priority=900)) is YES


def screen(mark: int, name: str = "limits") -> dict[str, Any]:
    return threshold(name, perPayment=None, score={"review": mark, "decline": mark})


def test_a_score_that_moved_is_held_where_it_went(bench: Bench):
    bench.apply(screen(90, "other"))
    bench.apply(screen(50, "other"))
    bench.apply(screen(50))
    assert bench.apply(screen(90)) is YES

    assert bench.apply(screen(90, "other")) is NO
    assert bench.ruling("limits") is YES


def test_a_ticket_overrides_what_was_approved_then_and_nothing_later(bench: Bench):
    bench.apply(limit(100, scope=RUPIAH))
    over = {"priority": 900, "changeTicket": "CHG-1"}
    assert bench.apply(limit(10**12, "high", scope=RUPIAH, **over)) is YES
    bench.apply(limit(10**12, "high", scope=RUPIAH, **over, suspend=True))
    assert bench.apply(limit(10**12, "high", scope=RUPIAH, **over)) is YES
    assert bench.ruling("limits") is Reason.CONFLICTED
    assert bench.apply(limit(100, changeTicket="CHG-2")) is YES

    assert bench.apply(limit(10**12, "high", **over)) is NO
    assert declines(bench) == {("limits", 100), ("high", 10**12)}
    assert bench.apply(limit(10**12, "high", **{**over, "changeTicket": "CHG-3"})) is YES

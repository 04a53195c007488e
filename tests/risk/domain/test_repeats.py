"""A repeated attempt gets the decision that is stored; another one under its id is told so."""

import pytest
from tests.risk.harness import attempt, policy

from kurs.kernel.clock import MICROS
from kurs.quotes.rate_table import NO_RATES
from risk.domain.batch import Batch, Conflict, Scored
from risk.domain.outcome import Marks, Outcome
from risk.domain.velocity import Windows

NOW = 1_800_000_000 * MICROS


def test_an_attempt_is_decided_on_once() -> None:
    first = attempt(payment_id="demo:p")
    batch = Batch(policy(), NO_RATES, NOW, {}, Windows())

    made = batch.score(first)
    again = batch.score(first)

    assert isinstance(made, Scored)
    assert isinstance(again, Scored)
    assert (made.replayed, again.replayed) == (False, True)
    assert again.decision == made.decision
    assert len(batch.decided) == 1


def test_another_attempt_under_the_id_is_a_conflict() -> None:
    batch = Batch(policy(), NO_RATES, NOW, {}, Windows())
    batch.score(attempt(payment_id="demo:p", amount_minor=1))

    other = batch.score(attempt(payment_id="demo:p", amount_minor=2))

    assert isinstance(other, Conflict)
    assert other.payment_id == "demo:p"
    assert other.field == "amount"


@pytest.mark.parametrize("marks", [(60, 50), (-1, 50), (50, 101)])
def test_marks_stand_in_order_between_0_and_100(marks: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="0 <= review <= decline"):
        Marks(*marks)


def test_a_score_at_a_mark_has_reached_it() -> None:
    marks = Marks(40, 70)

    assert [marks.outcome(score) for score in (39, 40, 69, 70)] == [
        Outcome.APPROVE, Outcome.REVIEW, Outcome.REVIEW, Outcome.DECLINE,
    ]  # fmt: skip

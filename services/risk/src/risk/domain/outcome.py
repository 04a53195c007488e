"""The three answers that a score can give, ordered by strictness, and the marks between them."""

from dataclasses import dataclass
from enum import IntEnum

MAX_SCORE = 100
"""Points add up to a score and are cut here."""


class Outcome(IntEnum):
    """What is to happen with a payment; `max` of several is the strictest."""

    APPROVE = 0
    REVIEW = 1
    DECLINE = 2

    @property
    def word(self) -> str:
        """Return the word used in JSON, labels and the database."""
        return _WORDS[self]


_WORDS = ("approve", "review", "decline")


@dataclass(frozen=True, slots=True)
class Marks:
    """The scores from which a payment is reviewed and declined, each 0 to 100."""

    review: int = 50
    decline: int = 80

    def __post_init__(self) -> None:
        if not 0 <= self.review <= self.decline <= MAX_SCORE:
            raise ValueError(f"marks must satisfy 0 <= review <= decline <= {MAX_SCORE}")

    def outcome(self, score: int) -> Outcome:
        """Return what `score` leads to."""
        if score >= self.decline:
            return Outcome.DECLINE
        return Outcome.REVIEW if score >= self.review else Outcome.APPROVE

    def points(self, action: Outcome) -> int:
        """Return the points of a rule that alone must lead to at least `action`."""
        if action is Outcome.DECLINE:
            return MAX_SCORE
        return self.review if action is Outcome.REVIEW else 0


USUAL_MARKS = Marks()
"""The marks of a threshold that names none."""

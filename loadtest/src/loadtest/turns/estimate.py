"""What pairs of turns tell: the middle of their values, and how far off it may be.

The middle is that of the means of every two values (Hodges and Lehmann), the interval is the one
that Wilcoxon's signed ranks leave at 95 %. Both suppose only that a value is as likely to be too
high as too low by the same, and a few that are far off (a look at the whole ledger in one turn)
move them little.
"""

import statistics
from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations_with_replacement
from typing import NamedTuple

_DOUBT = 0.05
_LEAST = 6
"""Of fewer values no interval says anything at that."""


class Estimate(NamedTuple):
    """The middle of values, and between which bounds it is with 95 %: none for too few values."""

    middle: float
    low: float | None
    high: float | None

    def within(self, distance: float) -> bool:
        """Tell whether neither bound is further from the middle than that."""
        if self.low is None or self.high is None:
            return False
        return max(self.middle - self.low, self.high - self.middle) <= distance


def estimate(values: Sequence[float]) -> Estimate:
    """Return what values, at least one, tell."""
    means = sorted((a + b) / 2 for a, b in combinations_with_replacement(values, 2))
    middle = statistics.median(means)
    if len(values) < _LEAST:
        return Estimate(middle, None, None)
    left_out = _left_out(len(values))
    return Estimate(middle, means[left_out], means[-1 - left_out])


@lru_cache
def _left_out(count: int) -> int:
    """Return how many of the means lie outside of the interval on either side.

    It is the largest sum of positive ranks up to which sums come at most half as often as the
    doubt: among as many values around zero each rank is positive or not.
    """
    ways = [1]
    for rank in range(1, count + 1):
        longer = ways + [0] * rank
        for total, number in enumerate(ways):
            longer[total + rank] += number
        ways = longer
    most, passed, total = _DOUBT / 2 * 2**count, 0, 0
    while passed + ways[total] <= most:
        passed += ways[total]
        total += 1
    return total - 1

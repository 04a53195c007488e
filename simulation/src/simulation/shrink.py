"""Cuts a failing plan down: faults and sessions are dropped until none can go.

Delta debugging (Zeller and Hildebrandt, 2002, "Simplifying and Isolating Failure-Inducing Input"),
first over faults, then over sessions: the promise that breaks has to stay the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from simulation.plan import Plan

Piece = TypeVar("Piece")
Breaks = Callable[[Plan], bool]


def shrink(plan: Plan, breaks: Breaks, *, most_runs: int = 120) -> Plan:
    """Return the smallest plan that was found in `most_runs` runs and for which `breaks` holds."""
    left = most_runs

    def tries(candidate: Plan) -> bool:
        nonlocal left
        left -= 1
        return left >= 0 and breaks(candidate)

    faults = _fewest(plan.faults, lambda kept: tries(replace(plan, faults=tuple(kept))))
    plan = replace(plan, faults=tuple(faults))
    sessions = _fewest(plan.sessions, lambda kept: tries(replace(plan, sessions=tuple(kept))))
    return replace(plan, sessions=tuple(sessions))


def _fewest(pieces: Sequence[Piece], breaks: Callable[[Sequence[Piece]], bool]) -> Sequence[Piece]:
    parts = 2
    while pieces:
        size = -(-len(pieces) // parts)
        for start in range(0, len(pieces), size):
            rest = [*pieces[:start], *pieces[start + size :]]
            if breaks(rest):
                pieces, parts = rest, max(parts - 1, 2)
                break
        else:
            if size == 1:
                break
            parts = min(parts * 2, len(pieces))
    return pieces

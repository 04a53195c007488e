"""Cuts a failing plan down: faults and sessions are dropped until none can go.

Delta debugging (Zeller and Hildebrandt, 2002, "Simplifying and Isolating Failure-Inducing Input"),
first over faults, then over sessions: the promise that breaks has to stay the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from simulation.plan import Plan
from simulation.run import Outcome

Piece = TypeVar("Piece")
Run = Callable[[Plan], Outcome]


def shrink(broken: Outcome, run: Run, most_runs: int) -> Outcome:
    """Return the shortest outcome that breaks the same promise, of at most `most_runs` runs."""
    assert broken.broken is not None
    promise, shortest, left = broken.broken.promise, broken, most_runs

    def breaks(candidate: Plan) -> bool:
        nonlocal shortest, left
        if left <= 0:
            return False
        left -= 1
        outcome = run(candidate)
        if outcome.broken is None or outcome.broken.promise != promise:
            return False
        shortest = outcome
        return True

    plan = broken.plan
    faults = _fewest(plan.faults, lambda kept: breaks(replace(plan, faults=tuple(kept))))
    plan = replace(plan, faults=tuple(faults))
    sessions = _fewest(plan.sessions, lambda kept: breaks(replace(plan, sessions=tuple(kept))))
    plan = replace(plan, sessions=tuple(sessions))
    _fewest(plan.deposits, lambda kept: breaks(replace(plan, deposits=tuple(kept))))
    return shortest


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

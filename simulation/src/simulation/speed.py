"""Measures the simulator: payments a second of one core, and virtual seconds for one of CPU.

Dense worlds have bursts of clients at once, so that the gateway batches as it does under load.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from simulation.isolation import Run, outcome_of
from simulation.plan import (
    USUAL_FAULTS,
    USUAL_PAYMENTS,
    USUAL_SECONDS,
    Capture,
    Plan,
    Quoted,
    Session,
    Trouble,
    draw,
)
from simulation.run import Outcome

_HOUR_SECONDS = 3600
_DENSE, _AT_ONCE = 4_000, 200
_FAULTS = 25
_DUST = 1_000
"""Amounts of dense worlds are so many times smaller: accounts last, and nobody asks why."""


class Measured(NamedTuple):
    """What worlds of one kind took."""

    name: str
    outcomes: list[Outcome]
    cpu_seconds: float

    def row(self) -> tuple[str, ...]:
        """Return the numbers that say how fast that was, as text."""
        counts = [outcome.counts for outcome in self.outcomes]
        virtual = sum(outcome.seconds for outcome in self.outcomes)
        rates = (
            sum(c[name] for c in counts) / self.cpu_seconds for name in ("payments", "requests")
        )
        hour = _HOUR_SECONDS / self.cpu_seconds
        return (
            self.name,
            f"{self.cpu_seconds:.1f}",
            *(f"{rate:.0f}" for rate in rates),
            f"{virtual / self.cpu_seconds:.0f}",
            f"{len(counts) * hour:,.0f}",
            f"{virtual * hour / 86_400:.1f}",
        )


def measure(console: Console, run: Run, cpu_seconds: Callable[[], float], seeds: int) -> int:
    """Print how fast each kind of world runs; return 1 when a promise broke meanwhile, else 0."""
    table = Table(
        "world", "CPU s", "payments/s", "requests/s", "times real time",
        "seeds a CPU hour", "virtual days a CPU hour",
    )  # fmt: skip
    broken = 0
    for name, plans in _worlds(seeds):
        before = cpu_seconds()
        outcomes = [outcome_of(plan, run) for plan in plans]
        measured = Measured(name, outcomes, cpu_seconds() - before)
        broken += sum(outcome.broken is not None for outcome in outcomes)
        table.add_row(*measured.row())
        console.print(", ".join(measured.row()), highlight=False)
    console.print(table)
    return 1 if broken else 0


def _worlds(seeds: int) -> Iterator[tuple[str, list[Plan]]]:
    usual = [
        draw(
            seed,
            seconds=USUAL_SECONDS,
            payments=USUAL_PAYMENTS,
            troubles=frozenset(Trouble),
            faults=USUAL_FAULTS,
        )
        for seed in range(1, seeds + 1)
    ]
    yield "as usual, all faults", usual
    yield "dense, each paid once, all faults", [dense(1, plain=True)]
    yield "dense, as usual, all faults", [dense(1, plain=False)]
    yield "one payment a second for an hour, no faults", [sparse(1)]


def dense(seed: int, *, plain: bool, payments: int = _DENSE) -> Plan:
    """Return a plan in which many clients ask at once, again and again, and faults happen.

    With `plain` each client pays once and is done, as nearly all clients of a gateway do.
    """
    seconds = payments / _AT_ONCE
    plan = draw(
        seed, seconds=seconds, payments=payments, troubles=frozenset(Trouble), faults=_FAULTS
    )
    sessions = (
        replace(s, at=float(place // _AT_ONCE), amount=max(1, s.amount // _DUST))
        for place, s in enumerate(plan.sessions)
    )
    return replace(plan, sessions=tuple(_once(s) if plain else s for s in sessions))


def sparse(seed: int, seconds: int = _HOUR_SECONDS) -> Plan:
    """Return a plan with one payment a second and no faults."""
    plan = draw(seed, seconds=seconds, payments=seconds, troubles=frozenset(), faults=0)
    sessions = (
        replace(_once(s), at=float(place), amount=max(1, s.amount // _DUST))
        for place, s in enumerate(plan.sessions)
    )
    return replace(plan, sessions=tuple(sessions))


def _once(session: Session) -> Session:
    return replace(
        session, capture=Capture.AUTOMATIC, quoted=Quoted.NONE, racers=1, other=False, replays=0,
        refunds=(),
    )  # fmt: skip

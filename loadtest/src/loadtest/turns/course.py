"""Two systems that run at the same time and are paid in turns, and what each pair of turns took.

A round is one start of both: where a process happens to lie in memory makes it a little dearer or
cheaper for as long as it lives, so there are several.

A pair is one turn of each, the one that begins changing from pair to pair. What a process took is
counted over the whole pair, since readers of events and of the ledger follow some seconds after the
payments; what it takes at rest in that time, measured before, is taken off.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from loadtest.bench.counters import Counters
from loadtest.bench.load import Driver, Load, LoadError
from loadtest.bench.systems import System
from loadtest.turns.estimate import Estimate, estimate

_WARM_UP_SECONDS = 3.0
_SETTLED_SECONDS = 6.0
"""After the warm-up whoever follows the ledger and the events has caught up by then."""
_LEAST_PAIRS = 12
ENOUGH = 0.01
"""Turns end when the ratio is known to that."""

Cpu = Mapping[str, float]


class Terms(NamedTuple):
    """`pairs` of turns in a round, of so many seconds each, with so many clients, after a rest."""

    pairs: int
    seconds: float
    clients: int
    rest_seconds: float
    until: float = math.inf
    """When no further pair begins, by `time.perf_counter`."""

    @property
    def is_over(self) -> bool:
        """Whether the time for turns is over."""
        return time.perf_counter() >= self.until


@dataclass(slots=True)
class Side:
    """One of the two: of each round its CPU at rest (seconds a second) and what it counted; of each
    pair its load and the CPU seconds that the payments of its turn took, by process.
    """

    name: str
    resting: list[Cpu] = field(default_factory=list)
    counted: list[Counters] = field(default_factory=list)
    loads: list[Load] = field(default_factory=list)
    spent: list[Cpu] = field(default_factory=list)

    def cpu_ms(self, process: str | None = None) -> list[float]:
        """Return the CPU milliseconds a payment by pair, of one process or of all."""
        return [
            (sum(spent.values()) if process is None else spent[process]) * 1000 / load.payments
            for spent, load in zip(self.spent, self.loads, strict=True)
        ]

    @property
    def processes(self) -> Sequence[str]:
        """The names of the processes, the dearest first."""
        totals = {name: sum(spent[name] for spent in self.spent) for name in self.spent[0]}
        return sorted(totals, key=lambda name: -totals[name])


@dataclass(frozen=True, slots=True)
class Course:
    """What both sides took."""

    this: Side
    other: Side

    def ratio(self, process: str | None = None) -> Estimate | None:
        """Return CPU a payment of this over that of the other; None where the other has none."""
        pairs = list(zip(self.this.cpu_ms(process), self.other.cpu_ms(process), strict=True))
        if any(other <= 0 for _, other in pairs):
            return None
        return estimate([this / other for this, other in pairs])

    def difference_us(self, process: str | None = None) -> Estimate:
        """Return by how many microseconds of CPU a payment this takes more."""
        pairs = zip(self.this.cpu_ms(process), self.other.cpu_ms(process), strict=True)
        return estimate([(this - other) * 1000 for this, other in pairs])

    @property
    def whole_ratio(self) -> float:
        """The ratio of all that both took, pairs that are far off included."""
        return _mean(self.this) / _mean(self.other)

    @property
    def is_known(self) -> bool:
        """Whether more turns would tell little more."""
        ratio = self.ratio() if len(self.this.spent) >= _LEAST_PAIRS else None
        return ratio is not None and ratio.within(ENOUGH)


def run(
    course: Course,
    systems: tuple[System, System],
    driver: Driver,
    terms: Terms,
    on_pair: Callable[[], None],
) -> None:
    """Pay both in turns for a round: until the ratio is known, or for all pairs; both are running.

    Raises LoadError when a payment was not captured.
    """
    lanes = tuple(map(_Lane, systems, (course.this, course.other)))
    for lane in lanes:
        lane.pay(driver, terms.clients, _WARM_UP_SECONDS, "warm-up")
    _rest(lanes, terms.rest_seconds)
    counted = [lane.system.counters() for lane in lanes]
    for number in range(terms.pairs):
        _pair(lanes if number % 2 == 0 else lanes[::-1], driver, terms, f"pair{number}")
        on_pair()
        if course.is_known or terms.is_over:
            break
    for lane, at_first in zip(lanes, counted, strict=True):
        lane.side.counted.append(lane.system.counters().since(at_first))


class _Lane(NamedTuple):
    """A system that runs, and what is noted of it."""

    system: System
    side: Side

    def pay(self, driver: Driver, clients: int, seconds: float, run: str) -> Load:
        """Pay for so long; raises LoadError when a payment was not captured."""
        load = driver.drive(self.system.gateway, self.system.api_key(), clients, seconds, run)
        if load.wrong or not load.payments:
            what = f"{load.wrong} payments were not captured, the first: {load.first_wrong}"
            raise LoadError(f"{self.side.name}: {what if load.wrong else 'nothing was paid'}")
        return load


def _rest(lanes: Sequence[_Lane], seconds: float) -> None:
    time.sleep(min(seconds, _SETTLED_SECONDS))
    before = [lane.system.cpu_seconds() for lane in lanes]
    began = time.perf_counter()
    time.sleep(seconds)
    passed = time.perf_counter() - began
    for lane, at_first in zip(lanes, before, strict=True):
        spent = lane.system.cpu_seconds()
        lane.side.resting.append({n: (spent[n] - at_first[n]) / passed for n in spent})


def _pair(lanes: Sequence[_Lane], driver: Driver, terms: Terms, run: str) -> None:
    before = [lane.system.cpu_seconds() for lane in lanes]
    began = time.perf_counter()
    for lane in lanes:
        lane.side.loads.append(lane.pay(driver, terms.clients, terms.seconds, run))
    passed = time.perf_counter() - began
    for lane, at_first in zip(lanes, before, strict=True):
        spent, resting = lane.system.cpu_seconds(), lane.side.resting[-1]
        lane.side.spent.append({n: spent[n] - at_first[n] - resting[n] * passed for n in spent})


def _mean(side: Side) -> float:
    return sum(sum(spent.values()) for spent in side.spent) / sum(x.payments for x in side.loads)

"""A circuit breaker per target: spare one that fails, and find out gently when it is back.

closed ── many failures ──▶ open ── after a while, one probe ──▶ half-open ─ success ─▶ closed
                              ▲                                      └───── failure ──▶ open again
"""

from collections.abc import Callable
from enum import IntEnum

from kurs.calls.window import RollingCount
from kurs.kernel.clock import monotonic

_WINDOW_SECONDS = 10.0


class BreakerState(IntEnum):
    """The values of the metric `kurs_circuit_breaker_state`."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class CircuitBreaker:
    """Opens when at least `min_failures` calls and half of all failed within 10 s.

    It stays open for `open_seconds`, and twice as long after each failed probe, up to
    `max_open_seconds`: on the way of a payment one such wait follows the other when all is well
    again, and a probe a second harms nobody. Failures are calls without an answer; an answer of any
    status is a success, since a target that answers is not helped by silence.
    """

    def __init__(
        self,
        *,
        min_failures: int = 10,
        failure_ratio: float = 0.5,
        open_seconds: float = 0.5,
        max_open_seconds: float = 1.0,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._min_failures = min_failures
        self._failure_ratio = failure_ratio
        self._first_open_seconds = open_seconds
        self._max_open_seconds = max_open_seconds
        self._clock = clock
        self._calls = RollingCount(_WINDOW_SECONDS, clock)
        self._failures = RollingCount(_WINDOW_SECONDS, clock)
        self._open_seconds = open_seconds
        self._open_until = 0.0
        self.state = BreakerState.CLOSED

    def allow(self) -> bool:
        """Return whether a call may go out; a True must be followed by succeed, fail or abandon."""
        if self.state is BreakerState.CLOSED:
            return True
        if self.state is BreakerState.OPEN and self._clock() >= self._open_until:
            self.state = BreakerState.HALF_OPEN
            return True
        return False

    def succeed(self) -> None:
        """Record a call that was answered."""
        self._calls.add()
        if self.state is not BreakerState.CLOSED:
            self._calls.clear()
            self._failures.clear()
            self._open_seconds = self._first_open_seconds
            self.state = BreakerState.CLOSED

    def fail(self) -> None:
        """Record a call that got no answer."""
        self._calls.add()
        self._failures.add()
        if self.state is BreakerState.HALF_OPEN:
            self._open_seconds = min(self._open_seconds * 2, self._max_open_seconds)
            self._open()
        elif self.state is BreakerState.CLOSED and self._tripped():
            self._open()

    def abandon(self) -> None:
        """Record a call that says nothing about the target: cancelled, or cut by its caller."""
        if self.state is BreakerState.HALF_OPEN:
            self._open_until = self._clock()
            self.state = BreakerState.OPEN

    def _tripped(self) -> bool:
        failures = self._failures.total()
        return (
            failures >= self._min_failures and failures >= self._failure_ratio * self._calls.total()
        )

    def _open(self) -> None:
        self._open_until = self._clock() + self._open_seconds
        self.state = BreakerState.OPEN

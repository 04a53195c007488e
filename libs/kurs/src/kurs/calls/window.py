"""Counts over the last seconds, in a ring of slices: constant memory, no timer."""

from collections.abc import Callable

from kurs.kernel.clock import monotonic


class RollingCount:
    """A sum over the last `seconds`, forgotten in steps of a tenth of it."""

    _SLICES = 10

    def __init__(self, seconds: float, clock: Callable[[], float] = monotonic) -> None:
        self._width = seconds / self._SLICES
        self._clock = clock
        self._slices = [0] * self._SLICES
        self._total = 0
        self._newest = int(clock() / self._width)

    def add(self, amount: int = 1) -> None:
        """Count `amount` now."""
        self._forget()
        self._slices[self._newest % self._SLICES] += amount
        self._total += amount

    def total(self) -> int:
        """Return what was counted within the window."""
        self._forget()
        return self._total

    def clear(self) -> None:
        """Forget everything."""
        self._slices = [0] * self._SLICES
        self._total = 0

    def _forget(self) -> None:
        now = int(self._clock() / self._width)
        passed = now - self._newest
        if passed <= 0:
            return
        for step in range(1, min(passed, self._SLICES) + 1):
            index = (self._newest + step) % self._SLICES
            self._total -= self._slices[index]
            self._slices[index] = 0
        self._newest = now

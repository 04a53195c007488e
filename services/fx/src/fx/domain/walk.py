"""A random walk that every replica walks alike.

The logarithm of a simulated mid differs from its given centre by an autoregressive process of the
first order, x[t] = PHI * x[t-1] + e[t], written as its moving average over the last WINDOW steps:
x[t] = sum(PHI^j * e[t-j]). Since the noise e depends only on the seed, the currency and the number
of the step, so does the rate: replicas agree without talking, and a restart changes nothing.
The process returns to its centre in about 1 / (1 - PHI) = 20 steps, and its standard deviation is
that of one step times 1 / sqrt(1 - PHI^2) = 3.2.
"""

import math
from collections import deque
from decimal import Context, Decimal
from hashlib import blake2b
from operator import mul
from struct import Struct

PHI = 0.95
WINDOW = 128
"""Steps; PHI^128 is 0.0014, so what is cut off is far below a basis point."""

_WEIGHTS = tuple(PHI**j for j in range(WINDOW))
_FOUR_SHORTS = Struct(">4H")
# The sum of four uniform numbers (Irwin-Hall) is near enough to a normal one, has no tail that
# could leap, and needs no function whose last bit differs between C libraries.
_MEAN = 4 * 65_535 / 2
_DEVIATION = math.sqrt(4 * (65_536**2 - 1) / 12)
_TWELVE_DIGITS = Context(prec=12)


class Walk:
    """The path of one currency: `mid(step)` for steps that mostly come one after another."""

    def __init__(self, centre: Decimal, *, seed: int, currency: str, volatility_bps: int) -> None:
        self._centre = centre
        self._key = f"{seed}:{currency}".encode()
        self._sigma = volatility_bps / 10_000
        self._noise: deque[float] = deque(maxlen=WINDOW)
        self._step: int | None = None

    def mid(self, step: int) -> Decimal:
        """Return the mid rate of a step, with 12 digits."""
        self._advance(step)
        offset = self._sigma * math.fsum(map(mul, _WEIGHTS, self._noise))
        return _TWELVE_DIGITS.multiply(self._centre, Decimal(math.exp(offset)))

    def _advance(self, step: int) -> None:
        """Hold the noise of the window that ends with `step`, newest first."""
        first = step - WINDOW + 1
        if self._step is not None and first <= self._step <= step:
            first = self._step + 1
        else:
            self._noise.clear()
        for number in range(first, step + 1):
            self._noise.appendleft(_noise(self._key, number))
        self._step = step


def _noise(key: bytes, step: int) -> float:
    """Return a number of mean 0 and deviation 1, the same for the same key and step."""
    digest = blake2b(step.to_bytes(16, "big", signed=True), key=key, digest_size=8).digest()
    total: int = sum(_FOUR_SHORTS.unpack(digest))
    return (total - _MEAN) / _DEVIATION

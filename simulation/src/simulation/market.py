"""The market outside of a world: where fx fetches its rates, and what goes wrong there.

fx reads it through `fetch`, in place of the one function of fx that opens a socket. What was said
is remembered: the judge asks whether a payment was made at a rate that anybody ever said.
"""

import asyncio
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from fx.sources import http
from fx.sources.base import SourceError, SourceFault
from simulation.topology import FIXED

_STEP = 0.0008
_FARTHEST = 0.02
_SECONDS = (0.01, 0.4)


@dataclass(slots=True)
class Market:
    """Mids that walk near the fixed ones. `silent` answers nothing, `garbled` nonsense.

    `jump` is what every mid is multiplied by for now.
    """

    chance: random.Random
    silent: bool = False
    garbled: bool = False
    jump: float = 1.0
    said: list[dict[str, Fraction]] = field(default_factory=list)
    fetched: int = 0
    _off: dict[str, float] = field(default_factory=dict)

    async def fetch(self, url: str, policy: object, **terms: Any) -> bytes:  # noqa: ARG002
        """Return the body of an answer, or raise SourceError, as fx's own fetch does."""
        self.fetched += 1
        await asyncio.sleep(self.chance.uniform(*_SECONDS))
        if self.silent:
            await asyncio.sleep(terms["timeout_seconds"])
            raise SourceError(SourceFault.TIMEOUT, "the market did not answer in time")
        if self.garbled:
            return b'{"rates": {"IDR": "much", "JPY": -1}}'
        rates = {name: self._mid(name) for name in FIXED}
        self.said.append({name: Fraction(text) for name, text in rates.items()})
        return json.dumps({"rates": rates}).encode()

    def _mid(self, name: str) -> str:
        off = self._off.get(name, 0.0) + self.chance.uniform(-_STEP, _STEP)
        self._off[name] = max(-_FARTHEST, min(_FARTHEST, off))
        return f"{float(FIXED[name]) * (1 + self._off[name]) * self.jump:.6f}"


def read_from(market: Market) -> Callable[[], None]:
    """Let fx read its rates from `market`; returns what ends it."""
    name = "fetch_bytes"
    shipped = getattr(http, name)
    setattr(http, name, market.fetch)

    def leave() -> None:
        setattr(http, name, shipped)

    return leave

"""How much one merchant may have quoted at once: every open quote is a rate that may be taken."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from fx.domain.refusals import Refusal
from kurs.contracts.fx import Code


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The limit of a threshold, `most` minor units of `currency`; moments in microseconds.

    Without currencies and corridors it covers every pair. `declines_unknown` tells what becomes of
    a quote that there is no rate to compare.
    """

    name: str
    currency: str
    most: int
    currencies: frozenset[str] = frozenset()
    corridors: frozenset[tuple[str, str]] = frozenset()
    effective_from: int | None = None
    effective_until: int | None = None
    declines_unknown: bool = False

    def covers(self, source: str, destination: str, now: int) -> bool:
        """Tell whether a quote from `source` to `destination` counts at `now`."""
        if self.effective_from is not None and now < self.effective_from:
            return False
        if self.effective_until is not None and now >= self.effective_until:
            return False
        if not self.currencies and not self.corridors:
            return True
        return source in self.currencies or (source, destination) in self.corridors


class Counted(NamedTuple):
    """What a quote is worth under a ceiling, in its currency's minor units."""

    ceiling: Ceiling
    worth: int


@dataclass(slots=True)
class _Open:
    """Open quotes, the oldest first, and what they are worth together."""

    quotes: deque[tuple[int, int]] = field(default_factory=deque)
    worth: int = 0

    def add(self, worth: int, expires_at: int) -> None:
        self.quotes.append((expires_at, worth))
        self.worth += worth

    def forget(self, now: int) -> None:
        while self.quotes and self.quotes[0][0] <= now:
            self.worth -= self.quotes.popleft()[1]


class OpenQuotes:
    """Counts the quotes that one process gave to merchants.

    One that was used counts until it expires, too: fx is not told.
    """

    def __init__(self) -> None:
        # By merchant, and name and currency of the ceiling: an edit of its bound forgets nothing.
        self._open: dict[tuple[str, str, str], _Open] = {}
        self._by_currency: dict[str, _Open] = {}
        self._tidy_at = 1_000

    def add(self, merchant: str, counted: Iterable[Counted], now: int, expires_at: int) -> None:
        """Count a quote; raises Refusal when that would be too much under a ceiling."""
        found = [(self._of(merchant, ceiling, now), ceiling, worth) for ceiling, worth in counted]
        if any(open_.worth + worth > ceiling.most for open_, ceiling, worth in found):
            raise Refusal(
                Code.EXPOSURE_EXCEEDED,
                "more would be quoted to this merchant at once than is allowed",
                hint="use quotes, or let them expire, before you ask for more",
            )
        for open_, _, worth in found:
            open_.add(worth, expires_at)
        if len(self._open) > self._tidy_at:
            self._tidy(now)

    def note(self, currency: str, minor: int, now: int, expires_at: int) -> None:
        """Note what was quoted, of whatever merchant, in minor units of the currency paid in."""
        found = self._by_currency.setdefault(currency, _Open())
        # Here, too: nobody may ask for the totals.
        found.forget(now)
        found.add(minor, expires_at)

    def totals(self, now: int) -> Mapping[str, int]:
        """Return what is quoted and not expired: minor units by currency, 0 where nothing is."""
        for open_ in self._by_currency.values():
            open_.forget(now)
        return {currency: open_.worth for currency, open_ in self._by_currency.items()}

    def _of(self, merchant: str, ceiling: Ceiling, now: int) -> _Open:
        found = self._open.setdefault((merchant, ceiling.name, ceiling.currency), _Open())
        found.forget(now)
        return found

    def _tidy(self, now: int) -> None:
        for key, found in list(self._open.items()):
            found.forget(now)
            if not found.quotes:
                del self._open[key]
        for by_currency in self._by_currency.values():
            by_currency.forget(now)
        self._tidy_at = 2 * len(self._open) + 1_000

"""How much one merchant may have quoted at once: every open quote is a rate that may be taken."""

from collections import deque
from dataclasses import dataclass, field

from fx.domain.refusals import ExposureExceeded


@dataclass(slots=True)
class _Open:
    """A merchant's open quotes, the oldest first, and what they are worth together."""

    quotes: deque[tuple[int, int]] = field(default_factory=deque)
    worth: int = 0

    def forget(self, now: int) -> None:
        while self.quotes and self.quotes[0][0] <= now:
            self.worth -= self.quotes.popleft()[1]


class OpenQuotes:
    """Counts the quotes that one process gave, by their worth in one currency's minor units.

    One that was used counts until it expires, too: fx is not told.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: dict[str, _Open] = {}
        self._tidy_at = 1_000

    def add(self, merchant: str, worth: int, now: int, expires_at: int) -> None:
        """Count a quote of `worth`; raises ExposureExceeded when that would be too much at once."""
        found = self._open.setdefault(merchant, _Open())
        found.forget(now)
        if found.worth + worth > self._most:
            raise ExposureExceeded(
                "more would be quoted to this merchant at once than is allowed",
                hint="use quotes, or let them expire, before you ask for more",
            )
        found.quotes.append((expires_at, worth))
        found.worth += worth
        if len(self._open) > self._tidy_at:
            self._tidy(now)

    def _tidy(self, now: int) -> None:
        for merchant, found in list(self._open.items()):
            found.forget(now)
            if not found.quotes:
                del self._open[merchant]
        self._tidy_at = 2 * len(self._open) + 1_000

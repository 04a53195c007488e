"""Money over time, counted from events by a heartbeat: no payment waits for it, no read sums.

What a captured amount is worth is asked of fx once for some events together. While fx does not
answer nothing is counted, and all of it is later: figures are late, never wrong. What fx tells
beside its rates, who edited the revision in force last, is kept for the stories of payments.
"""

import json
from collections.abc import Mapping
from functools import partial

from msgspec import Struct

from kurs.calls import ServiceClient
from kurs.data.database import Database
from kurs.kernel.clock import Clock, from_rfc3339
from kurs.kernel.errors import Unavailable
from kurs.quotes.rate_table import NO_RATES, RateTable, published_mids
from payments.domain.figures import (
    EVERYBODY,
    SPANS,
    Corridors,
    Period,
    Seen,
    Worth,
    corridor,
    joined,
)
from payments.settings import PaymentsSettings
from payments.store.figures import (
    Events,
    Key,
    add_figures,
    forget_old,
    read_figures,
    uncounted,
)
from payments.store.rate_edits import RateEdit, record_edit

_AT_ONCE = 250
"""Events that one step counts: few milliseconds of the event loop."""
_STEPS = 40
"""How many steps are stored together at most."""


class PeriodFigures(Struct, frozen=True):
    """Sums by span and corridor of the period that ends now; `waiting` events are not in them."""

    period: Period
    currency: str
    now: int
    spans: Mapping[int, Corridors]
    waiting: int


class Figures:
    """Counts what happened to payments, and tells it by period."""

    def __init__(
        self, database: Database, fx: ServiceClient, settings: PaymentsSettings, clock: Clock
    ) -> None:
        self._database = database
        self._fx = fx
        self._currency = settings.reference_currency
        self._clock = clock
        self._kept: RateEdit | None = None

    async def read(self, merchant: str, period: Period) -> PeriodFigures:
        """Return what is counted of a merchant, or of EVERYBODY."""
        now = self._clock.now()
        spans, waiting = await self._database.read(
            lambda c: read_figures(c, merchant, period, self._currency, now)
        )
        return PeriodFigures(period, self._currency, now, spans, waiting)

    async def count(self) -> None:
        """Count what nobody counted yet; raises Unavailable or TransportError without rates."""
        while True:
            counted, more = await self._counted()
            if counted.until == counted.cursor:
                return
            add = partial(add_figures, counted=counted, more=more)
            if not await self._database.write(add) or not counted.more:
                return

    async def forget(self) -> None:
        """Forget what no period reaches back to."""
        now = self._clock.now()
        await self._database.write(lambda c: forget_old(c, now))

    async def _counted(self) -> tuple[Events, Mapping[Key, Corridors]]:
        """Return what some steps add together: to store it costs more than to count it."""
        shortest: dict[tuple[str, int], Corridors] = {}
        rates = NO_RATES
        begun = found = await self._database.read(partial(uncounted, limit=_AT_ONCE))
        for step in range(1, _STEPS + 1):
            if rates is NO_RATES and any(seen.captured for seen in found.seen):
                rates = await self._rates()
            for seen in found.seen:
                own = shortest.setdefault((seen.merchant, SPANS[Period.HOUR].start(seen.at)), {})
                sums = corridor(own, f"{seen.currency}/{seen.bought}")
                sums.see(seen, self._worth(seen, rates))
            if not found.more or step == _STEPS:
                break
            following = partial(uncounted, limit=_AT_ONCE, after=found.until)
            found = await self._database.read(following)
        whole = begun._replace(until=found.until, more=found.more, seen=())
        return whole, self._by_period(shortest)

    def _by_period(self, shortest: Mapping[tuple[str, int], Corridors]) -> Mapping[Key, Corridors]:
        """Return the same for each period that reaches back to it, of each merchant and of all."""
        now = self._clock.now()
        more: dict[Key, Corridors] = {}
        for (merchant, at), corridors in shortest.items():
            for period, spans in SPANS.items():
                start = spans.start(at)
                if start >= spans.starts(now)[0]:
                    for whose in (merchant, EVERYBODY):
                        key = (whose, period.value, self._currency, start)
                        joined(more.setdefault(key, {}), corridors)
        return more

    def _worth(self, seen: Seen, rates: RateTable) -> Worth:
        captured = self._converted(seen.captured, seen.currency, rates)
        spread = self._converted(seen.spread, seen.bought, rates) if seen.spread else 0
        return Worth(captured, spread)

    def _converted(self, minor: int, currency: str, rates: RateTable) -> int | None:
        factor = rates.factor(currency, self._currency)
        return None if factor is None else minor * factor.numerator // factor.denominator

    async def _rates(self) -> RateTable:
        answer = await self._fx.request("GET", "/rates", retryable=True)
        if answer.status != 200:
            raise Unavailable(f"fx answered {answer.status} when asked for its rates")
        await self._keep_edit(answer.body)
        return RateTable(published_mids(answer.body))

    async def _keep_edit(self, published: bytes) -> None:
        edit = edit_in(published)
        if edit is not None and edit != self._kept:
            await self._database.write(partial(record_edit, edit=edit))
            self._kept = edit


def edit_in(published: bytes) -> RateEdit | None:
    """Return who edited the revision in force last; None where nobody says, as for files.

    Also where a release of fx says it in another way: figures do not wait for it.
    """
    told = json.loads(published)
    try:
        edit = told["last_edit"]
        names = (told["config_revision"], edit["source"], edit["by"])
        at = from_rfc3339(edit["at"])
    except (KeyError, TypeError, ValueError):
        return None
    if not all(isinstance(name, str) for name in names):
        return None
    revision, source, by = names
    return RateEdit(revision, at, source, by)

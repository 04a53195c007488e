"""The spec of an FXRateSource: where rates come from, what may be quoted, and until when.

Rates are units of the quote currency for one unit of `baseCurrency`. fx asks the sources of a pair
from the highest `priority` down; what happens when one has no fresh rate is its `onStale`.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from kurs.config.resources.rate_source_types import OfOneType
from kurs.config.resources.scalars import (
    Bps,
    ChangeTicket,
    Currency,
    Flag,
    Moment,
    Priority,
    Seconds,
    StrictModel,
    wrong,
)

OnStale = Literal["Reject", "UseLastKnown", "NextSource"]
Deviation = Annotated[int, Field(strict=True, ge=1, le=100_000)]

DEFAULT_PRIORITY = 100
MAX_DEVIATION_FROM_NEXT_BPS = 500
"""How far a source may be from the next one that knows the pair, without an approval."""


class Pair(StrictModel):
    """A quote currency with its own spread and, when given, its own `maxAge`."""

    quote: Currency
    """ISO 4217 code of the quote currency."""
    spread_bps: Bps
    """Spread in hundredths of a percent."""
    max_age: Seconds | None = None
    """A maxAge for this pair alone."""


class FXRateSourceSpec(OfOneType):
    """What an FXRateSource asks for.

    `pairs` lists the quotes that have their own spread. With `defaultSpreadBps` every other quote
    that the source publishes is served as well, at that spread; without it only the listed ones
    are. `maxDeviationBps` refuses a rate that jumps by more than this against the last good one;
    absent, any jump is taken. A mid further than `maxDeviationFromNextBps` (500 when absent) from
    the next source's is not sold; more than 500 need the name of an approval, `changeTicket`.
    Times are microseconds, durations whole seconds.
    """

    base_currency: Currency
    """ISO 4217 code; rates are units of the quote for one of it."""
    pairs: Annotated[tuple[Pair, ...], Field(max_length=200)] = ()
    """Quotes with a spread of their own."""
    default_spread_bps: Bps | None = None
    """Spread of every other quote that the source publishes, in hundredths of a percent;
    absent, only pairs are served."""
    refresh_interval: Seconds = 60
    """How often the source is asked: "30s", "5m", "1h30m"."""
    max_age: Seconds = 3600
    """From which age a rate is stale; at least refreshInterval."""
    max_deviation_bps: Deviation | None = None
    """Refuses a rate that jumps by more than this against the last good one; absent, any jump
    is taken."""
    max_deviation_from_next_bps: Deviation | None = None
    """A mid further than this from the next source's is not sold; 500 when absent, more by a
    changeTicket."""
    change_ticket: ChangeTicket | None = None
    """Names the approval of the last loosening: of maxAge, maxDeviationBps,
    maxDeviationFromNextBps, onStale, allowInsecure, of how rates are dated or their base is
    checked; or to have a pair of a source that is held to more, or to be asked before one that was
    asked before this one. A new one is needed each time."""
    on_stale: OnStale = "NextSource"
    """What happens without a fresh rate: ask the next source, refuse the payment, or use the
    last known rate."""
    priority: Priority = DEFAULT_PRIORITY
    """The highest is asked first."""
    suspend: Flag = False
    """Takes the source out of use."""
    effective_from: Moment | None = None
    """Comes into force at this moment, by itself."""
    effective_until: Moment | None = None
    """Is out of force from this moment on, by itself."""
    allow_insecure: Flag = False
    """Allows an http:// address; for tests."""

    @model_validator(mode="after")
    def _served_pairs(self) -> "FXRateSourceSpec":
        if not self.pairs and self.default_spread_bps is None:
            raise wrong("no pair is served", "list pairs or set defaultSpreadBps", "pairs")
        inline = self.of_type.inline
        seen = set()
        for index, pair in enumerate(self.pairs):
            field = f"pairs[{index}].quote"
            if pair.quote == self.base_currency:
                raise wrong(f"{pair.quote} is the base currency", "remove this pair", field)
            if pair.quote in seen:
                raise wrong(f"{pair.quote} is listed twice", "keep one of the two", field)
            if inline is not None and pair.quote not in inline:
                where = f"{self.type.lower()}.rates"
                raise wrong(f"{pair.quote} has no rate", f"add it to spec.{where}", field)
            seen.add(pair.quote)
        if inline is not None and self.base_currency in inline:
            field = f"{self.type.lower()}.rates.{self.base_currency}"
            raise wrong("the base currency has no rate against itself", "remove it", field)
        return self

    @model_validator(mode="after")
    def _ages_fit(self) -> "FXRateSourceSpec":
        if self.refresh_interval < 1:
            raise wrong("refreshing takes a moment", 'write at least "1s"', "refreshInterval")
        least = f'write at least "{self.refresh_interval}s", the refreshInterval'
        if self.max_age < self.refresh_interval:
            raise wrong(
                "shorter than refreshInterval: rates would always be stale", least, "maxAge"
            )
        for index, pair in enumerate(self.pairs):
            if pair.max_age is not None and pair.max_age < self.refresh_interval:
                raise wrong("shorter than refreshInterval", least, f"pairs[{index}].maxAge")
        return self

    @model_validator(mode="after")
    def _far_by_approval(self) -> "FXRateSourceSpec":
        if self.deviation_from_next_bps > MAX_DEVIATION_FROM_NEXT_BPS and not self.change_ticket:
            hint = f"add changeTicket, or write at most {MAX_DEVIATION_FROM_NEXT_BPS}"
            raise wrong("it needs an approval", hint, "maxDeviationFromNextBps")
        return self

    @model_validator(mode="after")
    def _goes_with_its_type(self) -> "FXRateSourceSpec":
        self.of_type.check(self.base_currency, allow_insecure=self.allow_insecure)
        return self

    @model_validator(mode="after")
    def _window_is_open(self) -> "FXRateSourceSpec":
        check_window(self.effective_from, self.effective_until)
        return self

    @property
    def deviation_from_next_bps(self) -> int:
        """How far a mid may be from the next source's, in basis points."""
        return self.max_deviation_from_next_bps or MAX_DEVIATION_FROM_NEXT_BPS

    def spread_for(self, quote: str) -> int | None:
        """Return the spread of `quote` in basis points, or None when it is not served."""
        for pair in self.pairs:
            if pair.quote == quote:
                return pair.spread_bps
        return None if quote == self.base_currency else self.default_spread_bps

    def max_age_for(self, quote: str) -> int:
        """Return the age in seconds from which a rate of `quote` is stale."""
        for pair in self.pairs:
            if pair.quote == quote and pair.max_age is not None:
                return pair.max_age
        return self.max_age

    def serves(self, quote: str) -> bool:
        """Tell whether `quote` may be quoted, as far as the spec alone decides it."""
        if self.spread_for(quote) is None:
            return False
        inline = self.of_type.inline
        return inline is None or quote in inline


def check_window(start: int | None, end: int | None) -> None:
    """Raise unless `end` lies after `start` (microseconds; None is open)."""
    if start is not None and end is not None and end <= start:
        raise wrong("not after effectiveFrom", "write a later moment", "effectiveUntil")

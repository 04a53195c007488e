"""The use cases of fx. Each takes one rate table and keeps it to its end."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from fx.board import RateBoard
from fx.domain.open_quotes import Ceiling, Counted, OpenQuotes
from fx.domain.pricing import Side, destination_for, price
from fx.domain.refusals import Refusal
from fx.domain.table import PairRate, RateTable
from fx.errors import NoRates
from fx.metrics import FxMetrics
from kurs.contracts.fx import QUOTED
from kurs.kernel.clock import MICROS, Clock
from kurs.kernel.ids import new_id
from kurs.kernel.money import Rounding, convert
from kurs.quotes.token import Quote, QuoteSigner


class Inquiry(NamedTuple):
    """What is to be quoted, and to whom: `minor` units of the side that is fixed."""

    merchant: str
    source_currency: str
    destination_currency: str
    side: Side
    minor: int


class Snapshot(NamedTuple):
    """The table that a use case keeps to, and when it began, in microseconds."""

    table: RateTable
    now: int


class RateService:
    """Prices conversions from the board's table and signs what it promises."""

    def __init__(
        self,
        board: RateBoard,
        *,
        signer: QuoteSigner,
        open_quotes: OpenQuotes,
        ttl_seconds: int,
        clock: Clock,
        metrics: FxMetrics,
    ) -> None:
        self._board = board
        self._signer = signer
        self._open = open_quotes
        self._ttl = ttl_seconds * MICROS
        self._clock = clock
        self._metrics = metrics

    def snapshot(self) -> Snapshot:
        """Return the table in force, now; raises NoRates before there is one."""
        table = self._board.table
        if not table.revision:
            raise NoRates("fx has no configuration yet; see /readyz")
        return Snapshot(table, self._clock.now())

    def rate(self, base: str, quote: str, at: Snapshot) -> PairRate:
        """Return the rate of a pair; raises Refusal."""
        return at.table.select(base, quote, at.now)

    def convert(
        self, source: str, destination: str, minor: int, at: Snapshot
    ) -> tuple[PairRate, int]:
        """Return the rate, and what `minor` units of `source` would buy at it; raises Refusal."""
        pair = at.table.select(source, destination, at.now)
        return pair, destination_for(pair, minor)

    def quote(self, inquiry: Inquiry) -> tuple[Quote, str]:
        """Return a quote and its signed token; raises Refusal and NoRates."""
        at = self.snapshot()
        try:
            quote = self.promise(inquiry, at)
            self._open.add(inquiry.merchant, self._counted(quote, at), at.now, quote.expires_at)
        except Refusal as refusal:
            self._metrics.quoted(refusal.code)
            raise
        self._open.note(quote.source_currency, quote.source_minor, at.now, quote.expires_at)
        self._metrics.quoted(QUOTED)
        (token,) = self.sign([quote])
        return quote, token

    def sign(self, quotes: Sequence[Quote]) -> Sequence[str]:
        """Return the token of each quote, by one signature over all of them."""
        return self._signer.sign(quotes) if quotes else ()

    def _counted(self, quote: Quote, at: Snapshot) -> list[Counted]:
        """Return what a quote is worth under each ceiling; raises Refusal where that must be known.

        Without a rate to its currency a ceiling counts nothing, unless it declines then.
        """
        counted = []
        for ceiling in self._board.ceilings:
            if not ceiling.covers(quote.source_currency, quote.destination_currency, at.now):
                continue
            try:
                counted.append(Counted(ceiling, self._worth(quote, ceiling, at)))
            except Refusal:
                if ceiling.declines_unknown:
                    raise
        return counted

    def _worth(self, quote: Quote, ceiling: Ceiling, at: Snapshot) -> int:
        reference = ceiling.currency
        if quote.source_currency == reference:
            return quote.source_minor
        if quote.destination_currency == reference:
            return quote.destination_minor
        pair = at.table.select(quote.source_currency, reference, at.now)
        return convert(quote.source_minor, quote.source_currency, reference, pair.mid, Rounding.UP)

    def promise(self, inquiry: Inquiry, at: Snapshot) -> Quote:
        """Return a quote that is not signed yet; raises Refusal."""
        table, now = at
        source, destination = inquiry.source_currency, inquiry.destination_currency
        pair = table.select(source, destination, now)
        source_minor, destination_minor = price(pair, inquiry.side, inquiry.minor)
        self._metrics.priced(source, destination, pair.source)
        return Quote(
            new_id("fxq", now),
            inquiry.merchant,
            source,
            destination,
            source_minor,
            destination_minor,
            pair.mid,
            pair.spread_bps,
            pair.rate,
            pair.source,
            pair.as_of,
            now + self._ttl,
            table.revision,
            inquiry.side.value,
        )


class NotOneAmount(ValueError):
    """Both amounts were given, or neither."""


def fixed_side(source_amount: Any, destination_amount: Any) -> tuple[Side, Any]:
    """Return which amount the caller fixed, and that amount; raises NotOneAmount."""
    if (source_amount is None) is (destination_amount is None):
        raise NotOneAmount("give exactly one of source_amount and destination_amount")
    if destination_amount is None:
        return Side.SOURCE, source_amount
    return Side.DESTINATION, destination_amount

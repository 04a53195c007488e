"""The use cases of fx. Each takes one rate table and keeps it to its end."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from fx.board import RateBoard
from fx.domain.open_quotes import Ceiling, Counted, OpenQuotes
from fx.domain.pricing import Side, destination_for, price
from fx.domain.refusals import Refusal
from fx.domain.table import PairRate, RateTable
from fx.errors import NoRatesProblem
from fx.feed import Feed
from fx.metrics import FxMetrics
from fx.schemas import QuoteItem
from kurs.contracts.batch import REFUSED, SKIPPED, Misfit, Skip, expires_at, refused, skipped
from kurs.contracts.fx import QUOTED, Code
from kurs.kernel.clock import MICROS, Clock, monotonic, to_rfc3339
from kurs.kernel.ids import new_id
from kurs.kernel.money import (
    InvalidAmount,
    Rounding,
    UnknownCurrency,
    convert,
    format_amount,
    parse_amount,
)
from kurs.quotes.token import Quote, QuoteSigner
from kurs.telemetry import Telemetry

Members = dict[str, Any]

_LATE = skipped(Skip.LATE, "the deadline passed before the quote")
# Many quotes carry the same few moments.
_moment = lru_cache(maxsize=1024)(to_rfc3339)


class Order(NamedTuple):
    """What is to be quoted, and to whom: `minor` units of the side that is fixed."""

    merchant: str
    source_currency: str
    destination_currency: str
    side: Side
    minor: int


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
        telemetry: Telemetry,
        metrics: FxMetrics,
    ) -> None:
        self._board = board
        self._signer = signer
        self._open = open_quotes
        self._ttl = ttl_seconds * MICROS
        self._clock = clock
        self._telemetry = telemetry
        self._metrics = metrics

    def rate(self, base: str, quote: str) -> Members:
        """Return the rate of a pair; raises Refusal."""
        table, now = self._table(), self._clock.now()
        pair = table.select(base, quote, now)
        return {
            "base": base,
            "quote": quote,
            **_terms(pair),
            "age_seconds": pair.age(now) // MICROS,
            "config_revision": table.revision,
        }

    def convert(self, source: str, destination: str, minor: int) -> Members:
        """Return what `minor` units of `source` would buy; raises Refusal."""
        table = self._table()
        pair = table.select(source, destination, self._clock.now())
        return {
            "from": source,
            "to": destination,
            "amount": format_amount(minor, source),
            "converted": format_amount(destination_for(pair, minor), destination),
            **_terms(pair),
            "config_revision": table.revision,
        }

    def rates(self, *, full: bool = False) -> Members:
        """Return every quoted pair with the rate in force, and the state of each source.

        `full` is with what is wrong with a source in words, which name its host.
        """
        table, now, document = self._table(), self._clock.now(), self._board.document
        listed = (_listed(table, base, quote, now) for base, quote in table.pairs())
        return {
            "rates": [rate for rate in listed if rate is not None],
            "config_revision": table.revision,
            "last_edit": document and document.last_edit(),
            "sources": [self._source(feed, full=full) for feed in self._board.feeds],
        }

    def _source(self, feed: Feed, *, full: bool) -> Members:
        healthy, reason, error = self._board.state(feed)
        return {
            "name": feed.configured.name,
            "type": feed.configured.spec.type,
            "healthy": healthy,
            "error": error if full else reason or error,
            "as_of": None if feed.as_of is None else _moment(feed.as_of),
        }

    def quote(self, order: Order) -> Members:
        """Return a signed quote; raises Refusal."""
        try:
            table, now = self._table(), self._clock.now()
            quote = self._promise(table, order, now)
            self._open.add(order.merchant, self._counted(table, quote, now), now, quote.expires_at)
        except Refusal as refusal:
            self._metrics.quoted(refusal.code)
            raise
        self._open.note(quote.source_currency, quote.source_minor, quote.expires_at)
        self._metrics.quoted(QUOTED)
        return _members(quote, *self._signer.sign([quote]))

    def quote_batch(self, items: Sequence[QuoteItem | Misfit], arrived: float) -> list[Members]:
        """Return one result per item, in order; every item sees the same table and moment.

        All that are quoted are signed at once. An item whose time was over when this begins is
        skipped; `arrived` is the monotonic moment, in seconds, when the batch did.
        """
        table, now, begins = self._table(), self._clock.now(), monotonic()
        results: list[Members | Quote] = []
        for item in items:
            if isinstance(item, Misfit):
                results.append(item.result())
                self._metrics.quoted(SKIPPED)
                continue
            with self._telemetry.item_span("fx.quote", item.traceparent, item.baggage) as span:
                late = _is_late(item, arrived, begins)
                result = _LATE if late else self._answer(table, item, now)
                if span.is_recording():
                    span.set_attributes(_attributes(item, result, table.revision))
            results.append(result)
            self._metrics.quoted(_outcome(result))
        return self._signed(results)

    def _signed(self, results: Sequence[Members | Quote]) -> list[Members]:
        quotes = [result for result in results if isinstance(result, Quote)]
        tokens = iter(self._signer.sign(quotes) if quotes else ())
        return [
            {**_members(result, next(tokens)), "status": QUOTED}
            if isinstance(result, Quote)
            else result
            for result in results
        ]

    def _table(self) -> RateTable:
        table = self._board.table
        if not table.revision:
            raise NoRatesProblem("fx has no configuration yet; see /readyz")
        return table

    def _answer(self, table: RateTable, item: QuoteItem, now: int) -> Members | Quote:
        field = "source_currency"
        try:
            side, amount = fixed_side(item.source_amount, item.destination_amount)
            field = f"{side.value}_amount"
            minor = parse_amount(amount, _currency(item, side))
            source, destination = item.source_currency, item.destination_currency
            return self._promise(table, Order(item.merchant, source, destination, side, minor), now)
        except Refusal as refusal:
            return refused(refusal.code, refusal.message, refusal.field)
        except InvalidAmount as error:
            return refused(Code(error.code), error.message, field)
        except UnknownCurrency as error:
            unknown = field.replace("_amount", "_currency")
            return refused(Code.UNKNOWN_CURRENCY, str(error), unknown)
        except NotOneAmount as error:
            return skipped(Skip.UNREADABLE, str(error), "source_amount")

    def _counted(self, table: RateTable, quote: Quote, now: int) -> list[Counted]:
        """Return what a quote is worth under each ceiling; raises Refusal where that must be known.

        Without a rate to its currency a ceiling counts nothing, unless it declines then.
        """
        counted = []
        for ceiling in self._board.ceilings:
            if not ceiling.covers(quote.source_currency, quote.destination_currency, now):
                continue
            try:
                counted.append(Counted(ceiling, self._worth(table, quote, ceiling, now)))
            except Refusal:
                if ceiling.declines_unknown:
                    raise
        return counted

    def _worth(self, table: RateTable, quote: Quote, ceiling: Ceiling, now: int) -> int:
        reference = ceiling.currency
        if quote.source_currency == reference:
            return quote.source_minor
        if quote.destination_currency == reference:
            return quote.destination_minor
        pair = table.select(quote.source_currency, reference, now)
        return convert(quote.source_minor, quote.source_currency, reference, pair.mid, Rounding.UP)

    def _promise(self, table: RateTable, order: Order, now: int) -> Quote:
        source, destination = order.source_currency, order.destination_currency
        pair = table.select(source, destination, now)
        source_minor, destination_minor = price(pair, order.side, order.minor)
        self._metrics.priced(source, destination, pair.source)
        return Quote(
            new_id("fxq", now),
            order.merchant,
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
            order.side.value,
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


def _is_late(item: QuoteItem, arrived: float, now: float) -> bool:
    until = expires_at(item.deadline_ms, arrived)
    return until is not None and until <= now


def _currency(item: QuoteItem, side: Side) -> str:
    return item.source_currency if side is Side.SOURCE else item.destination_currency


def _members(quote: Quote, token: str) -> Members:
    source, destination = quote.source_currency, quote.destination_currency
    return {
        "quote_id": quote.quote_id,
        "quote": token,
        "source_currency": source,
        "destination_currency": destination,
        "source_amount": format_amount(quote.source_minor, source),
        "destination_amount": format_amount(quote.destination_minor, destination),
        **_terms(quote),
        "expires_at": _moment(quote.expires_at),
        "config_revision": quote.config_revision,
    }


def _terms(rate: PairRate | Quote) -> Members:
    return {
        "mid": f"{rate.mid:f}",
        "spread_bps": rate.spread_bps,
        "rate": f"{rate.rate:f}",
        "source": rate.source,
        "as_of": _moment(rate.as_of),
    }


def _outcome(result: Members | Quote) -> str:
    """Return the word for a result: `quoted`, `skipped`, or the code of a refusal."""
    if isinstance(result, Quote):
        return QUOTED
    return str(result["code"] if result["status"] == REFUSED else result["status"])


def _attributes(item: QuoteItem, result: Members | Quote, revision: str) -> Members:
    return {
        "fx.pair": f"{item.source_currency[:3]}/{item.destination_currency[:3]}",
        "fx.result": _outcome(result),
        "fx.source": result.source if isinstance(result, Quote) else "",
        "config.revision": revision,
    }


def _listed(table: RateTable, base: str, quote: str, now: int) -> Members | None:
    try:
        pair: PairRate | None = table.select(base, quote, now)
    except Refusal:
        pair = next(iter(table.candidates(base, quote)), None)
    if pair is None:
        return None
    listed = _terms(pair)
    del listed["rate"]
    return {
        "base": base,
        "quote": quote,
        **listed,
        "age_seconds": pair.age(now) // MICROS,
        "stale": pair.is_stale(now),
    }

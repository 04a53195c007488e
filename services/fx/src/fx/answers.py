"""Shapes rates and quotes into answers. A batch's are plain members, since there are many."""

from functools import lru_cache
from typing import Any

from fx.domain.refusals import Refusal
from fx.domain.table import PairRate, RateTable
from fx.feed import Feed
from fx.schemas import ConversionAnswer, ListedRate, QuoteAnswer, RateAnswer, SourceHealth
from kurs.kernel.clock import MICROS, to_rfc3339
from kurs.kernel.money import format_amount
from kurs.quotes.token import Quote

Members = dict[str, Any]

# Many quotes carry the same few moments.
moment = lru_cache(maxsize=1024)(to_rfc3339)


def rate_answer(pair: PairRate, now: int, revision: str) -> RateAnswer:
    """Return what one unit of a pair's base is worth at `now` (microseconds)."""
    return RateAnswer(
        base=pair.source_currency,
        quote=pair.destination_currency,
        **_terms(pair),
        age_seconds=pair.age(now) // MICROS,
        config_revision=revision,
    )


def conversion_answer(
    pair: PairRate, minor: int, converted_minor: int, revision: str
) -> ConversionAnswer:
    """Return what an amount would buy; both amounts are in minor units."""
    source, destination = pair.source_currency, pair.destination_currency
    return ConversionAnswer(
        **{"from": source},
        to=destination,
        amount=format_amount(minor, source),
        converted=format_amount(converted_minor, destination),
        **_terms(pair),
        config_revision=revision,
    )


def quote_answer(quote: Quote, token: str) -> QuoteAnswer:
    """Return a signed quote as its merchant sees it."""
    return QuoteAnswer(**quote_members(quote, token))


def quote_members(quote: Quote, token: str) -> Members:
    """Return the members of a signed quote."""
    source, destination = quote.source_currency, quote.destination_currency
    return {
        "quote_id": quote.quote_id,
        "quote": token,
        "source_currency": source,
        "destination_currency": destination,
        "source_amount": format_amount(quote.source_minor, source),
        "destination_amount": format_amount(quote.destination_minor, destination),
        **_terms(quote),
        "expires_at": moment(quote.expires_at),
        "config_revision": quote.config_revision,
    }


def listed_rates(table: RateTable, now: int) -> list[ListedRate]:
    """Return every pair that a source quotes with the rate in force, stale ones marked."""
    found = (_listed(table, base, quote, now) for base, quote in table.pairs())
    return [rate for rate in found if rate is not None]


def source_health(
    feed: Feed, state: tuple[bool, str | None, str | None], *, full: bool
) -> SourceHealth:
    """Return the state of a source; `full` is with what is wrong in words, which name its host."""
    healthy, reason, error = state
    return SourceHealth(
        name=feed.configured.name,
        type=feed.configured.spec.type,
        healthy=healthy,
        error=error if full else reason or error,
        as_of=None if feed.as_of is None else moment(feed.as_of),
    )


def _terms(rate: PairRate | Quote) -> Members:
    return {
        "mid": f"{rate.mid:f}",
        "spread_bps": rate.spread_bps,
        "rate": f"{rate.rate:f}",
        "source": rate.source,
        "as_of": moment(rate.as_of),
    }


def _listed(table: RateTable, base: str, quote: str, now: int) -> ListedRate | None:
    try:
        pair: PairRate | None = table.select(base, quote, now)
    except Refusal:
        pair = next(iter(table.candidates(base, quote)), None)
    if pair is None:
        return None
    return ListedRate(
        base=base,
        quote=quote,
        mid=f"{pair.mid:f}",
        spread_bps=pair.spread_bps,
        source=pair.source,
        as_of=moment(pair.as_of),
        age_seconds=pair.age(now) // MICROS,
        stale=pair.is_stale(now),
    )

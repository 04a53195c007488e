"""How much is quoted to one merchant at once."""

import pickle

import pytest
from tests.fx.domain.refused import refused

from fx.domain.open_quotes import Ceiling, Counted, OpenQuotes
from kurs.contracts.fx import Code

TEN = Ceiling("ten", "USD", 10)


def add(quotes: OpenQuotes, merchant: str, worth: int, *, now: int, ceiling: Ceiling = TEN) -> None:
    quotes.add(merchant, [Counted(ceiling, worth)], now=now, expires_at=now + 60)


def test_open_quotes_are_counted_by_merchant_until_they_expire() -> None:
    quotes = OpenQuotes()
    add(quotes, "shop", 6, now=0)
    add(quotes, "shop", 4, now=30)
    add(quotes, "other", 10, now=30)

    with refused(Code.EXPOSURE_EXCEEDED):
        add(quotes, "shop", 1, now=59)
    add(quotes, "shop", 6, now=60)
    with refused(Code.EXPOSURE_EXCEEDED):
        add(quotes, "shop", 1, now=89)


def test_one_that_is_refused_under_one_ceiling_counts_under_none() -> None:
    quotes, wide = OpenQuotes(), Ceiling("wide", "USD", 100)

    with refused(Code.EXPOSURE_EXCEEDED):
        quotes.add("shop", [Counted(wide, 90), Counted(TEN, 90)], now=0, expires_at=60)

    add(quotes, "shop", 100, now=0, ceiling=wide)


def test_an_edited_bound_counts_what_was_quoted_before() -> None:
    quotes = OpenQuotes()
    add(quotes, "shop", 6, now=0)

    with refused(Code.EXPOSURE_EXCEEDED):
        add(quotes, "shop", 1, now=1, ceiling=Ceiling("ten", "USD", 6))


def test_merchants_without_open_quotes_are_forgotten() -> None:
    quotes = OpenQuotes()
    quotes.note("USD", 5, 0, 10)
    for number in range(5_000):
        quotes.add(f"m{number}", [Counted(TEN, 1)], now=number, expires_at=number + 10)

    assert len(pickle.dumps(quotes)) < 60_000


def test_what_expired_is_forgotten_though_nobody_asks_for_the_totals() -> None:
    quotes = OpenQuotes()
    for now in range(5_000):
        quotes.note("USD", 1, now, now + 60)

    assert len(pickle.dumps(quotes)) < 1_500
    assert quotes.totals(4_999) == {"USD": 60}


def test_the_totals_are_of_what_has_not_expired() -> None:
    quotes = OpenQuotes()
    quotes.note("USD", 5, 0, 60)
    quotes.note("USD", 7, 30, 90)
    quotes.note("IDR", 9, 10, 70)

    assert quotes.totals(59) == {"USD": 12, "IDR": 9}
    assert quotes.totals(70) == {"USD": 7, "IDR": 0}


EVERY = {("USD", "IDR"), ("SGD", "IDR"), ("USD", "JPY")}


@pytest.mark.parametrize(
    ("ceiling", "covered"),
    [
        (TEN, EVERY),
        (Ceiling("c", "USD", 1, currencies=frozenset({"USD"})), {("USD", "IDR"), ("USD", "JPY")}),
        (Ceiling("c", "USD", 1, corridors=frozenset({("USD", "JPY")})), {("USD", "JPY")}),
        (Ceiling("c", "USD", 1, effective_from=101), set()),
        (Ceiling("c", "USD", 1, effective_until=100), set()),
        (Ceiling("c", "USD", 1, effective_from=100, effective_until=101), EVERY),
    ],
)
def test_a_ceiling_covers_its_scope_in_its_time(
    ceiling: Ceiling, covered: set[tuple[str, str]]
) -> None:
    assert {pair for pair in EVERY if ceiling.covers(*pair, 100)} == covered

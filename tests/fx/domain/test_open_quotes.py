"""How much is quoted to one merchant at once."""

import pytest

from fx.domain.open_quotes import OpenQuotes
from fx.domain.refusals import ExposureExceeded


def test_open_quotes_are_counted_by_merchant_until_they_expire() -> None:
    quotes = OpenQuotes(10)
    quotes.add("shop", 6, now=0, expires_at=60)
    quotes.add("shop", 4, now=30, expires_at=90)
    quotes.add("other", 10, now=30, expires_at=90)

    with pytest.raises(ExposureExceeded):
        quotes.add("shop", 1, now=59, expires_at=119)
    quotes.add("shop", 6, now=60, expires_at=120)
    with pytest.raises(ExposureExceeded):
        quotes.add("shop", 1, now=89, expires_at=149)


def test_merchants_without_open_quotes_are_forgotten() -> None:
    quotes = OpenQuotes(10)
    for number in range(5_000):
        quotes.add(f"m{number}", 1, now=number, expires_at=number + 10)

    assert len(quotes._open) <= 1_100

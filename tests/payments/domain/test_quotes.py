"""What a payment takes over from its quote."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from kurs.quotes.token import InvalidToken, Quote
from payments.domain.failure import FailureCode, Refusal
from payments.domain.payment import Payment
from payments.domain.quotes import accept_quote, exchanged

PAYMENT = Payment(
    "shop", "p1", 100_00, "USD", "alice", "ibu", created_at=1, updated_at=1,
    destination_currency="IDR",
)  # fmt: skip
QUOTE = Quote(
    "fxq_1", "shop", "USD", "IDR", 100_00, 1_592_000_00, Decimal(16000), 50, Decimal(15920),
    "static", 1, 2, "r1",
)  # fmt: skip


def test_a_payment_arrives_as_the_quote_says() -> None:
    priced = exchanged(PAYMENT, QUOTE, "token")

    assert priced.destination_amount == 1_592_000_00
    assert priced.exchange is not None
    assert priced.quote == "token"
    assert (priced.exchange.mid, priced.exchange.quote_id) == (Decimal(16000), "fxq_1")


def test_a_quote_whose_worth_at_mid_fits_no_posting_is_refused() -> None:
    minor = 5_780_000_000_000_00
    quote = QUOTE._replace(source_minor=minor, destination_minor=minor * 15920)

    with pytest.raises(Refusal) as refusal:
        exchanged(replace(PAYMENT, amount=minor), quote, "token")

    assert refusal.value.failure.code is FailureCode.AMOUNT_TOO_LARGE


class Signed:
    """Verifies every token as the quote that it was made with."""

    def __init__(self, quote: Quote | None) -> None:
        self._quote = quote

    def verify(self, token: str) -> Quote:
        if self._quote is None:
            raise InvalidToken(f"{token} is not signed by fx")
        return self._quote


BROUGHT = replace(PAYMENT, quote="token")


def test_a_quote_that_fits_is_accepted() -> None:
    assert accept_quote(BROUGHT, "IDR", Signed(QUOTE)) == QUOTE


@pytest.mark.parametrize(
    ("quote", "currency", "code"),
    [
        (None, "IDR", FailureCode.QUOTE_INVALID),
        (QUOTE._replace(merchant="other"), "IDR", FailureCode.QUOTE_MISMATCH),
        (QUOTE, "JPY", FailureCode.QUOTE_MISMATCH),
        (QUOTE._replace(source_currency="EUR"), "IDR", FailureCode.QUOTE_MISMATCH),
        (QUOTE._replace(source_minor=1), "IDR", FailureCode.QUOTE_MISMATCH),
        (QUOTE._replace(expires_at=1), "IDR", FailureCode.QUOTE_EXPIRED),
    ],
)
def test_a_quote_that_does_not_fit_is_refused(
    quote: Quote | None, currency: str, code: FailureCode
) -> None:
    with pytest.raises(Refusal) as refusal:
        accept_quote(BROUGHT, currency, Signed(quote))

    assert refusal.value.failure.code is code

"""What a refund moves: at the payment's own rate while that is young, later at the present one.

The payer gets back what was paid. At the payment's rate the receiver gives what arrived for it,
rounded up, with or without the spread that the house took; at the present rate what it costs now,
by a quote of its own from the receiver's currency to the payer's.
"""

from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from kurs.kernel.money import InvalidAmount
from kurs.quotes.legs import quote_legs
from kurs.quotes.token import Quote
from payments.domain.applied_rate import AppliedRate
from payments.domain.failure import FailureCode, Refusal
from payments.domain.payment import Payment
from payments.domain.postings import Posting, captured_legs, conversion_postings
from payments.domain.quotes import rate_of


class Rate(StrEnum):
    """Which rate a refund across currencies was made at."""

    PAYMENT = "payment"
    PRESENT = "present"


class Refund(Struct, frozen=True):
    """A refund to make, or one that was made: `given` is what the receiver gives, minor units.

    `rate` and `exchange` are None within one currency; `quote` is the token of a present rate.
    """

    given: int
    rate: Rate | None
    exchange: AppliedRate | None
    postings: tuple[Posting, ...] = ()
    quote: str | None = None


def at_payments_rate(payment: Payment, amount: int, *, returns_spread: bool) -> Refund:
    """Return the refund of `amount` (minor units of the source), after what was refunded before."""
    step = captured_legs(payment).returned(payment.refunded_amount, amount)
    if not returns_spread:
        step = step.without_spread()
    postings = (
        Posting(p.account_id, p.currency, -p.amount_minor)
        for p in conversion_postings(payment, step)
    )
    rate = None if payment.exchange is None else Rate.PAYMENT
    return Refund(step.destination, rate, payment.exchange, tuple(postings))


def at_present_rate(payment: Payment, quote: Quote, token: str) -> Refund:
    """Return the refund that a quote from the receiver's currency to the payer's makes.

    Raises Refusal `amount_too_large` when a leg of it does not fit 64 bits.
    """
    try:
        legs = quote_legs(quote)
    except InvalidAmount as error:
        raise Refusal(FailureCode.AMOUNT_TOO_LARGE, error.message) from None
    exchange = rate_of(quote)
    payer, payee = payment.parties
    back = replace(
        payment,
        currency=quote.source_currency,
        payer=payee,
        payee=payer,
        destination_currency=quote.destination_currency,
        exchange=exchange,
    )
    postings = tuple(conversion_postings(back, legs))
    return Refund(legs.source, Rate.PRESENT, exchange, postings, token)


def is_late(payment: Payment, asked_at: int, window: int) -> bool:
    """Tell whether a refund that was asked for then is too late for the payment's rate (micros)."""
    return payment.exchange is not None and asked_at - payment.created_at > window

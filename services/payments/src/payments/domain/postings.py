"""The postings of a payment and a capture: sums are zero in every currency."""

from typing import NamedTuple

from kurs.kernel.ids import HOUSE_FX_REVENUE, HOUSE_LIQUIDITY
from kurs.kernel.money import InvalidAmount
from kurs.quotes.legs import Legs, exchange_legs
from payments.domain.failure import FailureCode, Refusal
from payments.domain.payment import Payment


class Posting(NamedTuple):
    """A signed amount in minor units on one account; negative takes from it."""

    account_id: str
    currency: str
    amount_minor: int


def full_legs(payment: Payment) -> Legs:
    """Return the legs of the whole payment; its destination must be known.

    Raises Refusal `amount_too_large` when what it is worth at mid does not fit 64 bits.
    """
    assert payment.destination_amount is not None
    if payment.exchange is None:
        return Legs(payment.amount, payment.amount, payment.amount)
    assert payment.destination_currency is not None
    try:
        return exchange_legs(
            payment.amount,
            payment.currency,
            payment.destination_amount,
            payment.destination_currency,
            payment.exchange.mid,
        )
    except InvalidAmount as error:
        raise Refusal(FailureCode.AMOUNT_TOO_LARGE, error.message) from None


def captured_legs(payment: Payment) -> Legs:
    """Return the legs of what was captured."""
    return full_legs(payment).part(payment.captured_amount)


def arriving_amount(payment: Payment) -> int | None:
    """Return what the destination gets, or got after a partial capture; None before a rate."""
    if payment.destination_amount is None:
        return None
    return (
        captured_legs(payment).destination if _is_partial(payment) else payment.destination_amount
    )


def _is_partial(payment: Payment) -> bool:
    return 0 < payment.captured_amount < payment.amount


def capture_postings(payment: Payment, amount: int) -> list[Posting]:
    """Return the postings that pay `amount` (minor units of the source currency) of `payment`.

    Raises Refusal `amount_too_small` when the part converts to nothing.
    """
    legs = full_legs(payment).part(amount)
    if legs.destination == 0:
        raise Refusal(FailureCode.AMOUNT_TOO_SMALL, "the amount converts to nothing")
    return conversion_postings(payment, legs)


def conversion_postings(payment: Payment, legs: Legs) -> list[Posting]:
    """Return the postings of these legs from the payer to the receiver."""
    source, target = payment.parties
    if payment.exchange is None:
        return [
            Posting(source, payment.currency, -legs.source),
            Posting(target, payment.currency, legs.source),
        ]
    assert payment.destination_currency is not None
    bought = payment.destination_currency
    postings = (
        Posting(source, payment.currency, -legs.source),
        Posting(HOUSE_LIQUIDITY, payment.currency, legs.source),
        Posting(HOUSE_LIQUIDITY, bought, -legs.mid),
        Posting(target, bought, legs.destination),
        Posting(HOUSE_FX_REVENUE, bought, legs.mid - legs.destination),
    )
    return [p for p in postings if p.amount_minor != 0]

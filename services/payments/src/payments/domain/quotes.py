"""A payment meets its quote: whether one that a caller brings fits, and what arrives by it."""

from msgspec.structs import replace

from kurs.quotes.token import InvalidToken, Quote, QuoteVerifier
from payments.domain.applied_rate import AppliedRate
from payments.domain.failure import FailureCode, Refusal
from payments.domain.payment import Payment
from payments.domain.postings import full_legs


def accept_quote(payment: Payment, destination_currency: str, quotes: QuoteVerifier) -> Quote:
    """Return the payment's quote, checked against it.

    Raises Refusal: `quote_invalid` (not signed by fx), `quote_mismatch` (another merchant, other
    currencies or another amount), `quote_expired` (compared with the moment the payment arrived, so
    that a retry of the same payment gives the same answer).
    """
    assert payment.quote is not None
    try:
        quote = quotes.verify(payment.quote)
    except InvalidToken as error:
        raise Refusal(FailureCode.QUOTE_INVALID, str(error)) from None
    if quote.merchant != payment.merchant:
        raise Refusal(FailureCode.QUOTE_MISMATCH, "the quote was made for another merchant")
    pair = (quote.source_currency, quote.destination_currency)
    if pair != (payment.currency, destination_currency):
        raise Refusal(
            FailureCode.QUOTE_MISMATCH,
            f"the quote is for {pair[0]} to {pair[1]}, "
            f"the payment for {payment.currency} to {destination_currency}",
        )
    if quote.source_minor != payment.amount:
        raise Refusal(
            FailureCode.QUOTE_MISMATCH, "the quote's source_amount is not the payment's amount"
        )
    if quote.expires_at <= payment.created_at:
        raise Refusal(FailureCode.QUOTE_EXPIRED, "the quote has expired; ask for a new one")
    return quote


def exchanged(payment: Payment, quote: Quote, token: str) -> Payment:
    """Return the payment with what arrives at the quote's rate, and the quote itself.

    Raises Refusal `amount_too_large` when a leg of it does not fit 64 bits.
    """
    priced = replace(
        payment,
        destination_amount=quote.destination_minor,
        exchange=rate_of(quote),
        quote=token,
    )
    full_legs(priced)
    return priced


def rate_of(quote: Quote) -> AppliedRate:
    """Return what is kept and told of a quote."""
    return AppliedRate(
        quote_id=quote.quote_id,
        mid=quote.mid,
        spread_bps=quote.spread_bps,
        rate=quote.rate,
        source=quote.source,
        as_of=quote.as_of,
        config_revision=quote.config_revision,
    )

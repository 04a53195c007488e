"""What fx is asked before money crosses currencies, and the prices that it answers."""

from collections.abc import Sequence
from typing import NamedTuple

from kurs.contracts.fx import QUOTED, QuoteItem, QuoteResult
from kurs.kernel.batching import alone
from kurs.kernel.money import format_amount
from kurs.quotes.token import InvalidToken, Quote, read_token
from payments.clients import BatchClient, Unanswered
from payments.domain.failure import refusal_of
from payments.domain.operation import Operation
from payments.domain.payment import Payment
from payments.flow.orders import Drive


class Priced(NamedTuple):
    """A quote, and the token that it was read from."""

    quote: Quote
    token: str


async def ask_prices(
    fx: BatchClient[QuoteItem, QuoteResult],
    items: Sequence[QuoteItem | Exception],
    drives: Sequence[Drive],
) -> list[Priced | Exception]:
    """Return the price of each item, or why there is none: a Refusal, or that nobody knows."""
    return [alone(_read, answer) for answer in await fx.ask(items, drives)]


def quote_item(payment: Payment, destination_currency: str) -> QuoteItem:
    """Ask what arrives."""
    return {
        "merchant": payment.merchant,
        "source_currency": payment.currency,
        "destination_currency": destination_currency,
        "source_amount": format_amount(payment.amount, payment.currency),
    }


def back_item(payment: Payment, operation: Operation) -> QuoteItem:
    """Ask what it costs now to give the operation's amount back."""
    return {
        "merchant": payment.merchant,
        "source_currency": payment.destination_currency or payment.currency,
        "destination_currency": payment.currency,
        "destination_amount": format_amount(operation.amount, payment.currency),
    }


def _read(result: QuoteResult | Exception) -> Priced:
    """Return the price of an answer; raises Refusal when fx gives none, and Unanswered."""
    if isinstance(result, Exception):
        raise result
    if result["status"] != QUOTED:
        raise refusal_of(result.get("code"), result.get("message"))
    try:
        return Priced(read_token(result["quote"]), result["quote"])
    except InvalidToken as error:
        # fx of another release.
        raise Unanswered("fx", str(error)) from error

"""When a transfer may debit an account of the house: by a signed quote, or by a reversal of one.

Whoever may call the ledger is not believed: a conversion is made of exactly the postings that its
quote allows, a part of it of exactly that part's, and what is given back is bound to the original
(at its rate) or to a quote of its own (at the present rate). A deposit has a route of its own.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from kurs.contracts.wallet import Code
from kurs.kernel.clock import MICROS
from kurs.kernel.ids import HOUSE_FX_REVENUE, HOUSE_LIQUIDITY
from kurs.kernel.money import InvalidAmount
from kurs.quotes.legs import Legs, quote_legs
from kurs.quotes.token import Quote
from wallet.domain.transfers import Posting, Record, Refusal, Transfer
from wallet.domain.view import Hold, Key, is_house, net

LATE_MICROS = 3_600 * MICROS
"""How long after its expiry a quote still moves money: a payment that was accepted in time is
carried out later when a service was away."""


class Conversion(NamedTuple):
    """A transfer from one currency to another: two customers' balances, and its three amounts."""

    payer: Key
    receiver: Key
    legs: Legs

    def moves(self, legs: Legs) -> dict[Key, int]:
        """Return what such a conversion of `legs` changes, per account and currency."""
        (_, paid), (_, bought) = self.payer, self.receiver
        moves = {
            self.payer: -legs.source,
            (HOUSE_LIQUIDITY, paid): legs.source,
            (HOUSE_LIQUIDITY, bought): -legs.mid,
            self.receiver: legs.destination,
            (HOUSE_FX_REVENUE, bought): legs.mid - legs.destination,
        }
        return {key: amount for key, amount in moves.items() if amount}

    def gives_back(self, moved: Mapping[Key, int], before: int) -> bool:
        """Tell whether `moved` gives some back at this conversion's rate, after `before` was.

        `before` is in minor units of the source. The spread goes back, too, or stays.
        """
        step = self.legs.returned(before, moved.get(self.payer, 0))
        wanted = (self.moves(step), self.moves(step.without_spread()))
        return {key: -amount for key, amount in moved.items()} in wanted


def conversion_of(postings: Iterable[Posting]) -> Conversion | None:
    """Return the conversion that postings make; None when they make none, or more than that."""
    moved = moves_of(postings)
    customers = [key for key in moved if not is_house(key[0])]
    if len(customers) != 2:
        return None
    payer, receiver = customers if moved[customers[0]] < 0 else reversed(customers)
    paid, bought = -moved[payer], moved[receiver]
    if paid <= 0 or bought <= 0:
        return None
    mid = -moved.get((HOUSE_LIQUIDITY, receiver[1]), 0)
    found = Conversion(payer, receiver, Legs(paid, mid, bought))
    return found if payer[1] != receiver[1] and found.moves(found.legs) == moved else None


def moves_of(postings: Iterable[Posting]) -> dict[Key, int]:
    """Return what postings change, without the balances that they leave as they were."""
    return {key: amount for key, amount in net(postings).items() if amount}


def check_quoted(transfer: Transfer, now: int) -> Conversion:
    """Return the conversion of a transfer that its quote allows, whole; raises Refusal."""
    quote = _own(transfer)
    if quote.quote_id != transfer.quote_id:
        raise _mismatch("the quote is not the one that quote_id names")
    _check_time(quote, now)
    conversion = _conversion(transfer, quote)
    if conversion.legs != _legs(quote):
        raise _mismatch("the amounts are not what the quote allows")
    return conversion


def check_captured(transfer: Transfer, hold: Hold, held: Record | None) -> None:
    """Raise Refusal unless a capture takes a part, or all, of its hold by the hold's own quote."""
    quote = _own(transfer)
    if held is None or held.quote_id != quote.quote_id:
        raise _mismatch("the quote is not the one that the hold was made by")
    _check_time(quote, held.created_at)
    conversion, legs = _conversion(transfer, quote), _legs(quote)
    if conversion.payer != hold.key or legs.source != hold.amount:
        raise _mismatch("the quote is not for what is held")
    if conversion.legs != legs.part(conversion.legs.source):
        raise _mismatch("the amounts are not the part of the quote that is captured")


def check_unquoted(transfer: Transfer) -> None:
    """Raise Refusal when a transfer without a quote debits the house."""
    for account_id, currency, amount in transfer.postings:
        if amount < 0 and is_house(account_id):
            raise Refusal(
                Code.HOUSE_DEBIT_FORBIDDEN,
                f"{account_id} is debited in {currency} by a quote or a reversal of one only",
                "postings",
            )


def _own(transfer: Transfer) -> Quote:
    assert transfer.quote is not None
    if transfer.quote.merchant != transfer.merchant:
        raise _mismatch("the quote was made for another merchant")
    return transfer.quote


def _check_time(quote: Quote, at: int) -> None:
    if at > quote.expires_at + LATE_MICROS:
        raise Refusal(Code.QUOTE_EXPIRED, "the quote expired long ago; ask for a new one", "quote")


def _conversion(transfer: Transfer, quote: Quote) -> Conversion:
    conversion = conversion_of(transfer.postings)
    if conversion is None:
        raise _mismatch("the postings are no conversion")
    if (conversion.payer[1], conversion.receiver[1]) != (
        quote.source_currency,
        quote.destination_currency,
    ):
        raise _mismatch("the quote is for other currencies")
    return conversion


def _legs(quote: Quote) -> Legs:
    try:
        return quote_legs(quote)
    except InvalidAmount as error:
        raise _mismatch(error.message) from None


def _mismatch(message: str) -> Refusal:
    return Refusal(Code.QUOTE_MISMATCH, message, "quote")

"""What a payment moves, computed anew from its terms; all amounts are minor units.

The payer pays the source amount. Across currencies the house pays out what that is worth at mid,
rounded down; what arrives is less the spread, rounded down; the difference is the house's. A part
is the part of each, rounded down. Refunds at the payment's rate are steps between sums in which the
receiver's part is rounded up, so that parts add up to the whole (docs/api.md, "Refunds").
"""

import json
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from simulation.oracle.promise import BrokenPromise

DECIMALS = {"USD": 2, "IDR": 2, "JPY": 0, "BHD": 3}
LIQUIDITY, REVENUE = "house:liquidity", "house:fx-revenue"
Moves = dict[tuple[str, str], int]
"""What a transfer changes, by account and currency."""


class Legs(NamedTuple):
    """What is paid, what it is worth at mid, what arrives."""

    paid: int
    worth: int
    arrives: int

    def part(self, paid: int) -> "Legs":
        """Return the legs of a part of what is paid."""
        return Legs(paid, self.worth * paid // self.paid, self.arrives * paid // self.paid)

    def given_back(self, before: int, amount: int) -> "Legs":
        """Return the legs of a refund of `amount` after `before` was refunded."""
        start, end = self._until(before), self._until(before + amount)
        return Legs(amount, end.worth - start.worth, end.arrives - start.arrives)

    def _until(self, paid: int) -> "Legs":
        return Legs(paid, self.worth * paid // self.paid, -(-self.arrives * paid // self.paid))


def legs_of(amount: int, currency: str, bought: str, exchange: Mapping[str, Any] | None) -> Legs:
    """Return the legs of a whole payment; raises BrokenPromise when its rate is not its mid's."""
    if exchange is None:
        return Legs(amount, amount, amount)
    mid, rate = Fraction(exchange["mid"]), Fraction(exchange["rate"])
    if rate != mid * (10_000 - exchange["spread_bps"]) / 10_000:
        raise BrokenPromise("the rate is the mid less the spread", f"{exchange}")
    scale = Fraction(10) ** (DECIMALS[bought] - DECIMALS[currency])
    return Legs(amount, int(amount * mid * scale // 1), int(amount * rate * scale // 1))


def moves_of(
    legs: Legs, payer: str, receiver: str, currency: str, bought: str, *, crosses: bool
) -> Moves:
    """Return what legs change between two accounts."""
    if not crosses:
        moves = {(payer, currency): -legs.paid, (receiver, currency): legs.paid}
    else:
        moves = {
            (payer, currency): -legs.paid,
            (LIQUIDITY, currency): legs.paid,
            (LIQUIDITY, bought): -legs.worth,
            (receiver, bought): legs.arrives,
            (REVENUE, bought): legs.worth - legs.arrives,
        }
    return {key: amount for key, amount in moves.items() if amount}


def expected(row: Mapping[str, Any], part: int) -> Moves:
    """Return what a capture of `part` of a stored payment moves."""
    legs, crosses, bought = _whole(row)
    names = (row["source_account"], row["destination_account"])
    return moves_of(legs.part(part), *names, row["currency"], bought, crosses=crosses)


def expected_back(
    row: Mapping[str, Any], before: int, amount: int, answer: Mapping[str, Any]
) -> Moves:
    """Return what a refund moves, after `before` was refunded; `answer` says at which rate."""
    whole, crosses, bought = _whole(row)
    names = (row["source_account"], row["destination_account"])
    if answer["rate"] == "present":
        return _back_at_present(row, amount, bought, answer["fx"])
    captured = whole.part(row["captured_amount"])
    step = captured.given_back(before, amount)
    moves = moves_of(step, *names, row["currency"], bought, crosses=crosses)
    return {key: -moved for key, moved in moves.items()}


def _whole(row: Mapping[str, Any]) -> tuple[Legs, bool, str]:
    exchange = json.loads(row["exchange"]) if row["exchange"] else None
    bought = row["destination_currency"] or row["currency"]
    legs = legs_of(row["amount"], row["currency"], bought, exchange)
    return legs, exchange is not None, bought


def _back_at_present(
    row: Mapping[str, Any], amount: int, bought: str, exchange: Mapping[str, Any]
) -> Moves:
    """The payer gets back what was paid, and the receiver gives what that costs now, rounded up."""
    currency = row["currency"]
    rate = Fraction(exchange["mid"]) * (10_000 - exchange["spread_bps"]) / 10_000
    scale = Fraction(10) ** (DECIMALS[currency] - DECIMALS[bought])
    cost = -int(-amount / (rate * scale) // 1)
    worth = max(int(cost * Fraction(exchange["mid"]) * scale // 1), amount)
    legs = Legs(cost, worth, amount)
    names = (row["destination_account"], row["source_account"])
    return moves_of(legs, *names, bought, currency, crosses=True)

"""What a payment must have moved in the ledger, computed from what its caller was told.

Written without the services' own arithmetic, so that a fault there is not repeated here.
"""

from collections import Counter
from decimal import Decimal
from math import floor
from typing import Any

from tests.crash.workload import EXPONENTS

LIQUIDITY, REVENUE = "house:liquidity", "house:fx-revenue"
Net = Counter[tuple[str, str]]
"""Minor units by account and currency; what is zero is left out by `nonzero`."""


def minor(text: str, currency: str) -> int:
    """Return an amount of the API in minor units."""
    exact = Decimal(text).scaleb(EXPONENTS[currency])
    assert exact == int(exact), f"{text} {currency} has a part of a minor unit"
    return int(exact)


def nonzero(net: Net) -> dict[tuple[str, str], int]:
    """Return the amounts that are not zero."""
    return {key: amount for key, amount in net.items() if amount}


def captured_net(payment: dict[str, Any]) -> Net:
    """Return what taking the captured amount moves; empty when nothing was captured."""
    captured = minor(payment["captured_amount"], payment["currency"])
    return _moved(payment, *_legs(payment)) if captured else Counter()


def refunded_net(payment: dict[str, Any]) -> Net:
    """Return what all refunds together move: the receiver's part is rounded up."""
    refunded = minor(payment["refunded_amount"], payment["currency"])
    if not refunded:
        return Counter()
    captured, mid, arrived = _legs(payment)
    back = _moved(payment, refunded, mid * refunded // captured, -(-arrived * refunded // captured))
    return Counter({key: -amount for key, amount in back.items()})


def _legs(payment: dict[str, Any]) -> tuple[int, int, int]:
    """Return what was taken, what that is worth at mid, and what arrived."""
    currency, bought = payment["currency"], payment["destination_currency"]
    captured = minor(payment["captured_amount"], currency)
    arrived = minor(payment["destination_amount"], bought)
    if payment["fx"] is None:
        return captured, captured, arrived
    whole = minor(payment["amount"], currency)
    rate = Decimal(payment["fx"]["mid"]).scaleb(EXPONENTS[bought] - EXPONENTS[currency])
    return captured, floor(whole * rate) * captured // whole, arrived


def _moved(payment: dict[str, Any], taken: int, mid: int, arrived: int) -> Net:
    currency, bought = payment["currency"], payment["destination_currency"]
    net: Net = Counter()
    net[payment["source_account"], currency] -= taken
    net[payment["destination_account"], bought] += arrived
    if payment["fx"] is not None:
        net[LIQUIDITY, currency] += taken
        net[LIQUIDITY, bought] -= mid
        net[REVENUE, bought] += mid - arrived
    return net

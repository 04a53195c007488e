"""What merchants hold open against the house: amounts across currencies at a fixed rate.

Holds until they end, and what was given back at the rates of payments within a while.
"""

from collections.abc import Mapping

from msgspec import Struct
from sqlalchemy import Column, ColumnElement, Connection, func, or_, select

from payments.domain.moves import Kind
from payments.store.tables import old_rate_refunds, operations, payments

_HALF = 1 << 32


class Horizon(Struct, frozen=True):
    """Holds across currencies that are open at `now` have ended by `until` (microseconds)."""

    now: int
    until: int


def held_open(
    connection: Connection, horizon: Horizon, merchant: str | None = None
) -> dict[str, int]:
    """Return the open holds across currencies, of a merchant or of all: minor units by currency."""
    # In the words of the index of such holds, which names the merchant.
    where = [
        payments.c.hold_expires_at.between(horizon.now, horizon.until),
        payments.c.destination_currency != payments.c.currency,
    ]
    if merchant is not None:
        where.append(payments.c.merchant == merchant)
    return _sums(connection, payments.c.currency, payments.c.amount, *where)


def about_to_open(connection: Connection, merchant: str) -> dict[str, int]:
    """Return what is being authorized for a merchant and may cross currencies.

    Of two that are asked for at once, each was stored before either looks here.
    """
    bought = payments.c.destination_currency
    return _sums(
        connection,
        payments.c.currency,
        payments.c.amount,
        operations.c.uid == payments.c.uid,
        operations.c.lease_until.is_not(None),
        operations.c.kind == Kind.PAY.value,
        payments.c.capture == "manual",
        or_(bought.is_(None), bought != payments.c.currency),
        payments.c.merchant == merchant,
    )


def given_back(connection: Connection, since: int, merchant: str | None = None) -> dict[str, int]:
    """Return what went back at the rates of payments after `since` (microseconds).

    Of a merchant or of all: minor units by currency.
    """
    table = old_rate_refunds
    where = [table.c.at > since]
    if merchant is not None:
        where.append(table.c.merchant == merchant)
    return _sums(connection, table.c.currency, table.c.amount, *where)


def about_to_give_back(connection: Connection, merchant: str) -> dict[str, int]:
    """Return what is being refunded across currencies, at whatever rate it will be."""
    return _sums(
        connection,
        payments.c.currency,
        operations.c.amount,
        operations.c.uid == payments.c.uid,
        operations.c.lease_until.is_not(None),
        operations.c.kind == Kind.REFUND.value,
        payments.c.destination_currency != payments.c.currency,
        payments.c.merchant == merchant,
    )


def added(*parts: Mapping[str, int]) -> dict[str, int]:
    """Return all together, by currency."""
    currencies = sorted({currency for part in parts for currency in part})
    return {code: sum(part.get(code, 0) for part in parts) for code in currencies}


def _sums(
    connection: Connection,
    currency: Column[str],
    amount: Column[int],
    *where: ColumnElement[bool],
) -> dict[str, int]:
    # By halves, since SQLite cannot sum beyond 64 bits.
    high, low = func.sum(amount // _HALF), func.sum(amount % _HALF)
    query = select(currency, high, low).where(*where).group_by(currency)
    return {code: int(h) * _HALF + int(low) for code, h, low in connection.execute(query)}

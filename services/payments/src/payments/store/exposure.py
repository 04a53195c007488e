"""What merchants hold open against the house: amounts across currencies at a fixed rate.

Holds until they end, and what was given back at the rates of payments within a while.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, func, or_, select

from payments.domain.moves import Kind
from payments.store.tables import old_rate_refunds, operations, payments

_HALF = 1 << 32


@dataclass(frozen=True, slots=True)
class Horizon:
    """Holds across currencies that are open at `now` have ended by `until` (microseconds)."""

    now: int
    until: int


def held_open(
    connection: Connection, horizon: Horizon, merchant: str | None = None
) -> dict[str, int]:
    """Return the open holds across currencies, of a merchant or of all: minor units by currency."""
    # By the index of holds: those within one currency last longer, and few of them end so soon.
    query = select(payments.c.currency, payments.c.amount).where(
        payments.c.hold_expires_at.between(horizon.now, horizon.until),
        payments.c.destination_currency != payments.c.currency,
    )
    return _sums(connection, query.where(_of(merchant)))


def about_to_open(connection: Connection, merchant: str) -> dict[str, int]:
    """Return what is being authorized for a merchant and may cross currencies.

    Of two that are asked for at once, each was stored before either looks here.
    """
    bought = payments.c.destination_currency
    query = (
        select(payments.c.currency, payments.c.amount)
        .join(operations, operations.c.uid == payments.c.uid)
        .where(
            operations.c.lease_until.is_not(None),
            operations.c.kind == Kind.PAY.value,
            payments.c.capture == "manual",
            or_(bought.is_(None), bought != payments.c.currency),
            _of(merchant),
        )
    )
    return _sums(connection, query)


def given_back(connection: Connection, since: int, merchant: str | None = None) -> dict[str, int]:
    """Return what went back at the rates of payments after `since` (microseconds).

    Of a merchant or of all: minor units by currency.
    """
    table = old_rate_refunds
    # By halves, since SQLite cannot sum beyond 64 bits.
    high, low = func.sum(table.c.amount // _HALF), func.sum(table.c.amount % _HALF)
    query = select(table.c.currency, high, low).where(table.c.at > since).group_by(table.c.currency)
    if merchant is not None:
        query = query.where(table.c.merchant == merchant)
    return {code: int(h) * _HALF + int(low) for code, h, low in connection.execute(query)}


def about_to_give_back(connection: Connection, merchant: str) -> dict[str, int]:
    """Return what is being refunded across currencies, at whatever rate it will be."""
    query = (
        select(payments.c.currency, operations.c.amount)
        .join(operations, operations.c.uid == payments.c.uid)
        .where(
            operations.c.lease_until.is_not(None),
            operations.c.kind == Kind.REFUND.value,
            payments.c.destination_currency != payments.c.currency,
            _of(merchant),
        )
    )
    return _sums(connection, query)


def added(*parts: Mapping[str, int]) -> dict[str, int]:
    """Return all together, by currency."""
    currencies = sorted({currency for part in parts for currency in part})
    return {code: sum(part.get(code, 0) for part in parts) for code in currencies}


def _of(merchant: str | None) -> ColumnElement[bool]:
    # Every merchant's name is not empty.
    return payments.c.merchant != "" if merchant is None else payments.c.merchant == merchant


def _sums(connection: Connection, query: object) -> dict[str, int]:
    sums: dict[str, int] = {}
    # Summed here: the sum may exceed 64 bits.
    for currency, amount in connection.execute(query):  # type: ignore[call-overload]
        sums[currency] = sums.get(currency, 0) + amount
    return sums

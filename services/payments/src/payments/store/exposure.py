"""What is held open across currencies: amounts whose rate the house carries until they end."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, or_, select

from payments.domain.moves import Kind
from payments.store.tables import operations, payments


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


def added(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    """Return both together, by currency."""
    return {
        currency: one.get(currency, 0) + other.get(currency, 0)
        for currency in sorted({*one, *other})
    }


def _of(merchant: str | None) -> ColumnElement[bool]:
    # Every merchant's name is not empty.
    return payments.c.merchant != "" if merchant is None else payments.c.merchant == merchant


def _sums(connection: Connection, query: object) -> dict[str, int]:
    sums: dict[str, int] = {}
    # Summed here: the sum may exceed 64 bits.
    for currency, amount in connection.execute(query):  # type: ignore[call-overload]
        sums[currency] = sums.get(currency, 0) + amount
    return sums

"""Questions about the ledger: balances, sums over the postings, holds that are due."""

from typing import NamedTuple

from sqlalchemy import BigInteger, Connection, Integer, distinct, func, literal, select
from sqlalchemy.sql.elements import ColumnElement

from wallet.domain.transfers import Record
from wallet.store.tables import balances, holds, postings, transfers

# SQLite's sum() fails past 64 bits and PostgreSQL's becomes a decimal; sums of halves do neither.
_LOW_BITS = 32
_LOW_MASK = 2**_LOW_BITS - 1


class Position(NamedTuple):
    """What an account holds of one currency, in minor units."""

    currency: str
    posted: int
    held: int
    overdraft: int


class Sum(NamedTuple):
    """Sum of some postings of one currency, in minor units, and their number."""

    total: int
    postings: int


def positions(connection: Connection, account_id: str) -> list[Position]:
    """Return an account's balances by currency; stripes are summed."""
    query = (
        select(
            balances.c.currency, *summed(balances.c.posted), *summed(balances.c.held),
            func.max(func.coalesce(balances.c.overdraft, 0)),
        )
        .where(balances.c.account_id == account_id)
        .group_by(balances.c.currency)
        .order_by(balances.c.currency)
    )  # fmt: skip
    return [
        Position(currency, whole(high, low), whole(held_high, held_low), overdraft)
        for currency, high, low, held_high, held_low, overdraft in connection.execute(query)
    ]


def account_counts(connection: Connection) -> dict[str, int]:
    """Return how many accounts hold or held each currency."""
    query = select(balances.c.currency, func.count(distinct(balances.c.account_id))).group_by(
        balances.c.currency
    )
    return dict(tuple(row) for row in connection.execute(query))


def sums_between(connection: Connection, after: int, until: int | None) -> dict[str, Sum]:
    """Return the sum per currency of the postings with `after < entry_id` (`<= until`)."""
    query = (
        select(postings.c.currency, *summed(postings.c.amount), func.count())
        .where(postings.c.entry_id > after)
        .group_by(postings.c.currency)
    )
    if until is not None:
        query = query.where(postings.c.entry_id <= until)
    return {
        currency: Sum(whole(high, low), count)
        for currency, high, low, count in connection.execute(query)
    }


def page_end(
    connection: Connection, after: int, limit: int, *, created_before: int | None = None
) -> int | None:
    """Return the last of the `limit` entries after one (that were made before a moment), or None.

    Not more than these are read, however long ago the moment is.
    """
    page = (
        select(postings.c.entry_id, postings.c.created_at)
        .where(postings.c.entry_id > after)
        .order_by(postings.c.entry_id)
        .limit(limit)
        .subquery()
    )
    query = select(func.max(page.c.entry_id))
    if created_before is not None:
        query = query.where(page.c.created_at < created_before)
    found = connection.execute(query).scalar_one()
    return None if found is None else int(found)


def house_positions(connection: Connection) -> list[tuple[str, str, int]]:
    """Return account, currency and whole balance of every account of the house."""
    query = (
        select(balances.c.account_id, balances.c.currency, *summed(balances.c.posted))
        # By its beginning, which the index finds: customers may be many.
        .where(balances.c.account_id.between("house:", "house;"))
        .group_by(balances.c.account_id, balances.c.currency)
    )
    return [
        (account, currency, whole(high, low))
        for account, currency, high, low in connection.execute(query)
    ]


def open_holds(connection: Connection) -> int:
    """Return the number of holds that are neither closed nor released."""
    query = select(func.count()).select_from(holds).where(_OPEN)
    return int(connection.execute(query).scalar_one())


def customers_below_limit(connection: Connection) -> int:
    """Return how many balances of customers are below zero or their overdraft: none, always."""
    available = balances.c.posted - balances.c.held
    # One that has none where it must have one may go below zero as the house may.
    limit = -func.coalesce(balances.c.overdraft, 0)
    theirs = balances.c.account_id.not_like("%:%")
    query = select(func.count()).select_from(balances).where(theirs, available < limit)
    return int(connection.execute(query).scalar_one())


def count_transfers(connection: Connection) -> int:
    """Return how many transfers are stored."""
    return int(connection.execute(select(func.count()).select_from(transfers)).scalar_one())


def due_holds(connection: Connection, now: int, limit: int) -> list[tuple[str, str]]:
    """Return ids and merchants of open holds that have expired, the longest expired first."""
    query = (
        select(holds.c.hold_id, holds.c.merchant)
        .where(_OPEN, holds.c.expires_at <= now)
        .order_by(holds.c.expires_at)
        .limit(limit)
    )
    return [(hold_id, merchant) for hold_id, merchant in connection.execute(query)]


def find_transfer(connection: Connection, transfer_id: str) -> Record | None:
    """Return a stored transfer."""
    query = select(transfers).where(transfers.c.transfer_id == transfer_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else Record(*row)


# Written out, so that the partial index on open holds serves the query.
_OPEN: ColumnElement[bool] = holds.c.state == literal("held", literal_execute=True)


def summed(column: ColumnElement[int]) -> tuple[ColumnElement[int], ColumnElement[int]]:
    """Return the two expressions that sum a column without leaving 64 bits; `whole` joins them."""
    high = func.sum(column.bitwise_rshift(literal(_LOW_BITS, Integer))).cast(BigInteger)
    low = func.sum(column.bitwise_and(_LOW_MASK)).cast(BigInteger)
    return high, low


def whole(high: int, low: int) -> int:
    """Return the sum of what `summed` selects."""
    return (high << _LOW_BITS) + low

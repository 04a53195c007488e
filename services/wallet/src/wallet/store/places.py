"""Where in the entries of an account a moment is, and what the account had there."""

from collections.abc import Mapping

from sqlalchemy import Connection, func, select

from wallet.store.tables import balances, postings


def place_of(connection: Connection, account_id: str, moment: int) -> int | None:
    """Return an entry from which on all are of `moment` or later (microseconds); None for none.

    A binary search by the index of the account's entries: these have no index by time, and are in
    its order but for the clocks of replicas, so that a few before the entry may be later, too.
    """
    first, last = _ends(connection, account_id)
    if first is None or last is None:
        return None
    before, place = first - 1, None
    high = last + 1
    while high - before > 1:
        middle = (before + high) // 2
        entry_id, created_at = _at_or_before(connection, account_id, middle) or (before, -1)
        if created_at >= moment:
            high = place = entry_id
        else:
            before = middle
    return place


def posted_before(connection: Connection, account_id: str, entry_id: int) -> Mapping[str, int]:
    """Return what a customer's account had by currency (minor units) before an entry.

    It is summed up from the end that is nearer: from its opening, or back from what it has now.
    """
    first, last = _ends(connection, account_id)
    if first is None or last is None:
        return {}
    c = postings.c
    sums = select(c.currency, func.sum(c.amount)).where(c.account_id == account_id)
    if entry_id - first < last - entry_id:
        older = sums.where(c.entry_id < entry_id).group_by(c.currency)
        return {currency: int(total) for currency, total in connection.execute(older)}
    newer = sums.where(c.entry_id >= entry_id).group_by(c.currency).subquery()
    taken = func.coalesce(newer.c[1], 0)
    # One statement sees one moment: a balance of another one would be off by what came between.
    query = (
        select(balances.c.currency, balances.c.posted, taken)
        .outerjoin(newer, newer.c.currency == balances.c.currency)
        .where(balances.c.account_id == account_id, balances.c.stripe == 0)
    )
    return {code: posted - int(total) for code, posted, total in connection.execute(query)}


def _ends(connection: Connection, account_id: str) -> tuple[int | None, int | None]:
    own = postings.c.account_id == account_id
    first = select(func.min(postings.c.entry_id)).where(own)
    last = select(func.max(postings.c.entry_id)).where(own)
    row = connection.execute(select(first.scalar_subquery(), last.scalar_subquery())).one()
    return row[0], row[1]


def _at_or_before(connection: Connection, account_id: str, entry_id: int) -> tuple[int, int] | None:
    query = (
        select(postings.c.entry_id, postings.c.created_at)
        .where(postings.c.account_id == account_id, postings.c.entry_id <= entry_id)
        .order_by(postings.c.entry_id.desc())
        .limit(1)
    )
    row = connection.execute(query).first()
    return row and (row[0], row[1])

"""Where in the entries of an account a moment is, and what the account had there.

Of what was archived there is a sum, and no entry.
"""

from collections.abc import Mapping

from sqlalchemy import ColumnElement, Connection, and_, func, select, text, union_all

from wallet.store.archives import OF_ARCHIVES, first_kept
from wallet.store.tables import archived_sums, balances, postings


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
    One statement sees one moment: a balance of another one would be off by what came between.
    """
    first, last = _ends(connection, account_id)
    if first is None or last is None:
        return {}
    c = postings.c
    if entry_id - first < last - entry_id:
        kept = select(c.currency, c.amount).where(_own(account_id), c.entry_id < entry_id)
        archived = select(archived_sums.c.currency, archived_sums.c.total).where(
            archived_sums.c.account_id == account_id, text(OF_ARCHIVES)
        )
        both = union_all(kept, archived).subquery()
        older = select(both.c[0], func.sum(both.c[1])).group_by(both.c[0])
        return {currency: int(total) for currency, total in connection.execute(older)}
    sums = select(c.currency, func.sum(c.amount)).where(_own(account_id), c.entry_id >= entry_id)
    newer = sums.group_by(c.currency).subquery()
    taken = func.coalesce(newer.c[1], 0)
    query = (
        select(balances.c.currency, balances.c.posted, taken)
        .outerjoin(newer, newer.c.currency == balances.c.currency)
        .where(balances.c.account_id == account_id, balances.c.stripe == 0)
    )
    return {code: posted - int(total) for code, posted, total in connection.execute(query)}


def _ends(connection: Connection, account_id: str) -> tuple[int | None, int | None]:
    first = select(func.min(postings.c.entry_id)).where(_own(account_id))
    last = select(func.max(postings.c.entry_id)).where(_own(account_id))
    row = connection.execute(select(first.scalar_subquery(), last.scalar_subquery())).one()
    return row[0], row[1]


def _at_or_before(connection: Connection, account_id: str, entry_id: int) -> tuple[int, int] | None:
    query = (
        select(postings.c.entry_id, postings.c.created_at)
        .where(_own(account_id), postings.c.entry_id <= entry_id)
        .order_by(postings.c.entry_id.desc())
        .limit(1)
    )
    row = connection.execute(query).first()
    return row and (row[0], row[1])


def _own(account_id: str) -> ColumnElement[bool]:
    return and_(postings.c.account_id == account_id, postings.c.entry_id >= first_kept())

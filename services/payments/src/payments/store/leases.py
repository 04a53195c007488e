"""Who drives an operation and until when: repeats, take-overs, and what is set aside.

A failed attempt is counted when it begins and given back when it turns out to have been no fault
of the operation, so that one which kills its process is counted too.
"""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace
from sqlalchemy import Connection, func, select, update

from kurs.data.bulk import is_any_of
from kurs.data.database import for_update
from payments.domain import beginning as rules
from payments.domain.beginning import InProgress, KeyUsed, Replay, Started
from payments.domain.moves import may_begin
from payments.domain.operation import Operation
from payments.domain.payment import Payment
from payments.store.rows import read_operation, read_payment, readable
from payments.store.tables import operations, payments

_PENDING = operations.c.lease_until.is_not(None)
_ASIDE = operations.c.set_aside_at.is_not(None)


class Terms(NamedTuple):
    """How a sweeper takes over, in microseconds since the epoch.

    What has failed `most_failures` times is tried once more and then left until `rest_until`.
    """

    now: int
    lease_until: int
    rest_until: int
    most_failures: int
    limit: int = 100


class Taken(NamedTuple):
    """What is to be driven now, and the ids of operations that have just been set aside."""

    started: list[Started]
    set_aside: list[str]


class SetAside(NamedTuple):
    """An operation that is tried seldom, with when it was asked for and set aside."""

    operation_id: str
    kind: str
    payment: str
    attempts: int
    created_at: int
    set_aside_at: int
    waits_for: str | None
    open_reason: str | None


class Backlog(NamedTuple):
    """When the oldest operation was asked for that is still tried; how many are set aside."""

    oldest: int | None
    set_aside: int


def take_over(connection: Connection, terms: Terms) -> Taken:
    """Take the pending operations whose lease ran out; no two processes take the same one.

    A row that this release cannot read, or knows no step for, is set aside at once: one that can
    may come later.
    """
    due = (
        select(operations)
        .where(operations.c.lease_until < terms.now)
        .order_by(operations.c.lease_until)
        .limit(terms.limit)
    )
    # One that somebody keeps locked must not hold up all that are due with it.
    due = for_update(connection, due, skip_locked=True)
    rows = {row["operation_id"]: row for row in connection.execute(due).mappings()}
    found, unreadable = readable(read_operation, rows)
    if not rows:
        return Taken([], [])
    # A payment that is locked is being finished, or taken over, by somebody else just now.
    uids = [op.uid for op in found.values()]
    idle = select(payments).where(is_any_of(connection, payments.c.uid, uids))
    locked = connection.execute(for_update(connection, idle, skip_locked=True)).mappings()
    free, broken = readable(read_payment, {row["uid"]: row for row in locked})
    unreadable += [
        name
        for name, op in found.items()
        if op.uid in broken or (op.uid in free and not may_begin(op.kind, free[op.uid].status))
    ]
    aside = [name for name in unreadable if rows[name]["set_aside_at"] is None]
    _set_aside(connection, unreadable, terms)
    started = []
    for name, op in found.items():
        if op.uid not in free or name in unreadable:
            continue
        tired = rows[name]["failures"] >= terms.most_failures
        taken = _try_again(connection, op, free[op.uid], terms, tired=tired)
        if isinstance(taken, Started):
            started.append(taken)
            aside += [name] if tired and rows[name]["set_aside_at"] is None else []
    return Taken(started, aside)


def give_back(connection: Connection, left: Collection[Operation], now: int) -> None:
    """End the leases of operations that are driven no more, unless somebody has taken one since.

    What is set aside rests on, and what somebody keeps locked keeps its lease. Another process may
    have begun anew what a claim got no answer for: that one began later.
    """
    if not left:
        return
    theirs = {(op.operation_id, op.attempts, op.created_at) for op in left}
    columns = (operations.c.operation_id, operations.c.attempts, operations.c.created_at)
    names = [op.operation_id for op in left]
    due = select(*columns).where(is_any_of(connection, columns[0], names), _PENDING, ~_ASIDE)
    found = connection.execute(for_update(connection, due, skip_locked=True))
    ours = [row.operation_id for row in found if tuple(row) in theirs]
    ended = update(operations).where(is_any_of(connection, columns[0], ours))
    connection.execute(ended.values(lease_until=now - 1))


def repeat(
    connection: Connection, earlier: Operation, repeated: Operation, *, may_be_own: bool
) -> Started | Replay | KeyUsed | InProgress:
    """Return what becomes of a repeated request; nobody works on it any more: it takes over."""
    known = rules.repeat(earlier, repeated, may_be_own=may_be_own)
    if known is not None:
        return known
    query = for_update(connection, select(payments).where(payments.c.uid == earlier.uid))
    payment = read_payment(connection.execute(query).mappings().one())
    if not may_begin(earlier.kind, payment.status):
        # A later release's: it is left to those who know it.
        return InProgress()
    return take(connection, earlier, payment, repeated.lease_until)


def take(
    connection: Connection, op: Operation, payment: Payment, until: int, **also: Any
) -> Started | InProgress:
    """Take an operation from its driver, who can record nothing from now on.

    The payment's version is the fencing token: a driver that was only slow does not know that
    another one moves the money, and must not overwrite what that one finds. The payment is locked
    already, and before its operation, as outcomes do it, so that no two wait for each other.
    `also` are further columns to set.
    """
    changed = connection.execute(
        update(operations)
        .where(
            operations.c.operation_id == op.operation_id,
            operations.c.attempts == op.attempts,
            operations.c.answer_status.is_(None),
        )
        .values(lease_until=until, attempts=op.attempts + 1, **also)
    )
    if not changed.rowcount:
        return InProgress()
    payment = replace(payment, version=payment.version + 1)
    fence = update(payments).where(payments.c.uid == payment.uid)
    connection.execute(fence.values(version=payment.version))
    taken = replace(op, lease_until=until, attempts=op.attempts + 1)
    return Started(payment, taken, fresh=False)


def excuse(connection: Connection, operation_ids: Collection[str]) -> None:
    """Count the last attempt at these operations no longer: it was no fault of theirs."""
    theirs = is_any_of(connection, operations.c.operation_id, operation_ids)
    changed = update(operations).where(theirs, _PENDING, operations.c.failures > 0)
    connection.execute(changed.values(failures=operations.c.failures - 1))


def take_up(connection: Connection, operation_ids: Collection[str]) -> list[str]:
    """Let the sweepers try these again, as often as new ones; return those that were set aside."""
    theirs = is_any_of(connection, operations.c.operation_id, operation_ids)
    changed = update(operations).where(theirs, _PENDING, _ASIDE)
    again = changed.values(failures=0, set_aside_at=None, lease_until=0)
    return list(connection.execute(again.returning(operations.c.operation_id)).scalars())


def set_aside(connection: Connection) -> list[SetAside]:
    """Return what is set aside, the longest first."""
    columns = (
        operations.c.operation_id, operations.c.kind, operations.c.uid, operations.c.attempts,
        operations.c.created_at, operations.c.set_aside_at, operations.c.waits_for,
        operations.c.open_reason,
    )  # fmt: skip
    query = select(*columns).where(_PENDING, _ASIDE).order_by(operations.c.set_aside_at)
    return [SetAside(*row) for row in connection.execute(query)]


def backlog(connection: Connection) -> Backlog:
    """Return what is unfinished."""
    tried = func.min(operations.c.created_at).filter(operations.c.set_aside_at.is_(None))
    query = select(tried, func.count(operations.c.set_aside_at)).where(_PENDING)
    return Backlog(*connection.execute(query).one())


def _try_again(
    connection: Connection, op: Operation, payment: Payment, terms: Terms, *, tired: bool
) -> Started | InProgress:
    counted = operations.c.failures + 1
    if not tired:
        return take(connection, op, payment, terms.lease_until, failures=counted)
    since = func.coalesce(operations.c.set_aside_at, terms.now)
    return take(connection, op, payment, terms.rest_until, failures=counted, set_aside_at=since)


def _set_aside(connection: Connection, operation_ids: Sequence[str], terms: Terms) -> None:
    if not operation_ids:
        return
    theirs = is_any_of(connection, operations.c.operation_id, operation_ids)
    since = func.coalesce(operations.c.set_aside_at, terms.now)
    rest = update(operations).where(theirs, _PENDING)
    connection.execute(rest.values(lease_until=terms.rest_until, set_aside_at=since))

"""The append-only events of payments, read in order; `recording` writes them.

An event keeps the payment as it was by naming its operation: the first answer of an operation is
that payment, is stored by the same transaction, and never changes.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct
from sqlalchemy import Connection, func, select

from kurs.contracts.payments import EventType
from kurs.data.bulk import is_any_of
from payments.domain.event_identity import event_id
from payments.domain.event_types import DEPOSIT, event_type
from payments.domain.identity import operation_id
from payments.domain.moves import Kind, Status
from payments.domain.payment import Payment
from payments.store.deposits import Deposit, by_transfer
from payments.store.rows import UNREADABLE, Row, read_payment
from payments.store.tables import events, operations, payments

LOOKED_AT = 1_000
"""A bound on the events that one page of some types is looked for in."""
_SAID_BY_CAUSE = frozenset({Kind.CAPTURE, Kind.VOID, Kind.APPROVE, Kind.REFUSE})


class Event(Struct, frozen=True):
    """One thing that happened to a payment.

    `answer` is the first answer of its operation, which shows the payment as it was then; None for
    a request, and for refunds of releases that did not say which. `payment` is as it is now.
    `asked_currency` is the destination's, as a request named it.
    """

    sequence: int
    from_status: str | None
    to_status: str
    cause: str
    actor: str
    at: int
    payment: Payment
    answer: bytes | None = None
    traceparent: str | None = None
    asked_currency: str | None = None

    @property
    def id(self) -> str:
        """Its id, another one if a restored database gives its sequence again."""
        uid, told = self.payment.uid, (self.to_status, self.cause, self.at)
        return event_id(uid, self.sequence, *told)

    @property
    def type(self) -> str:
        """What it is called."""
        return event_type(self.from_status, self.to_status, self.cause)

    @property
    def merchant(self) -> str:
        """Whose it is."""
        return self.payment.merchant

    @property
    def subject(self) -> str:
        """What it is about: events of one subject are sent in order."""
        return self.payment.payment_id


class DepositEvent(Struct, frozen=True):
    """A deposit that was made."""

    sequence: int
    id: str
    deposit: Deposit

    @property
    def type(self) -> str:
        """What it is called."""
        return EventType.DEPOSIT_SUCCEEDED

    @property
    def at(self) -> int:
        """When it was made, in microseconds."""
        return self.deposit.created_at

    @property
    def merchant(self) -> str:
        """Whose account it went to."""
        return self.deposit.merchant

    @property
    def subject(self) -> str:
        """What it is about: no other event is."""
        return self.deposit.transfer_id


class UnreadableEvent(Struct, frozen=True):
    """An event of which this release cannot read what is stored; `reason` is for the log."""

    sequence: int
    reason: str


AnyEvent = Event | DepositEvent | UnreadableEvent


class EventPage(NamedTuple):
    """Some events, the sequence to go on after, and whether there is more by now."""

    items: Sequence[AnyEvent]
    next_after: int
    has_more: bool


class _Driven(NamedTuple):
    """What an operation keeps of its end, and of who asked for it."""

    answer: bytes | None
    traceparent: str | None


_NOTHING = _Driven(None, None)


def events_after(
    connection: Connection, merchant: str, sequence: int, limit: int
) -> Sequence[AnyEvent]:
    """Return the merchant's events after `sequence`, oldest first."""
    return event_page(connection, merchant, sequence, limit).items


def event_page(
    connection: Connection,
    merchant: str,
    sequence: int,
    limit: int,
    types: Collection[str] = (),
) -> EventPage:
    """Return events of a merchant after `sequence`, oldest first.

    With `types` only those. At most LOOKED_AT are looked at: a page may then be short, or empty,
    and more come after its end.
    """
    looked_at = max(LOOKED_AT, limit) if types else limit
    query = select(events).order_by(events.c.sequence).limit(looked_at + 1)
    query = query.where(events.c.sequence > sequence, events.c.merchant == merchant)
    seen = connection.execute(query).mappings().all()
    rows = [row for row in seen[:looked_at] if not types or _type(row) in types]
    if len(rows) > limit:
        rows, end, more = rows[:limit], rows[limit - 1]["sequence"], True
    else:
        more = len(seen) > looked_at
        end = seen[:looked_at][-1]["sequence"] if seen else sequence
    return EventPage(_told(connection, rows), end, more)


def feed_page(
    connection: Connection, sequence: int, limit: int, wanted_by: Collection[str] | None
) -> EventPage:
    """Return events of all merchants after `sequence`, oldest first.

    With `wanted_by` only those of these merchants, and no requests. As of `event_page`, at most
    LOOKED_AT are looked at; those that are passed over cost next to nothing.
    """
    if wanted_by == []:
        return EventPage([], max(sequence, last_sequence(connection)), False)
    wanted = events.c.sequence > sequence
    ahead = select(events.c.sequence).where(wanted).order_by(events.c.sequence).limit(LOOKED_AT)
    seen = ahead.subquery()
    end, count = connection.execute(select(func.max(seen.c.sequence), func.count())).one()
    if end is None:
        return EventPage([], sequence, False)
    wanted &= events.c.sequence <= end
    if wanted_by is not None:
        of_these = is_any_of(connection, events.c.merchant, list(wanted_by))
        wanted &= events.c.from_status.is_not(None) & of_these
    query = select(events).where(wanted).order_by(events.c.sequence).limit(limit)
    rows = connection.execute(query).mappings().all()
    if len(rows) == limit:
        end = rows[-1]["sequence"]
    return EventPage(_told(connection, rows), end, len(rows) == limit or count == LOOKED_AT)


def last_sequence(connection: Connection) -> int:
    """Return the newest event's sequence, 0 before the first."""
    return connection.execute(select(func.max(events.c.sequence))).scalar() or 0


def event_ids(connection: Connection, sequences: Collection[int]) -> Mapping[int, str]:
    """Return the ids of events by sequence, also of those that cannot be read."""
    columns = (events.c.uid, events.c.sequence, events.c.to_status, events.c.cause, events.c.at)
    query = select(*columns).where(events.c.sequence.in_(sorted(sequences)))
    return {row.sequence: event_id(*row) for row in connection.execute(query)}


def _told(connection: Connection, rows: Sequence[Row]) -> list[AnyEvent]:
    names = [_operation(row) for row in rows]
    driven = _operations(connection, [name for name in names if name is not None])
    made = by_transfer(connection, [row["uid"] for row in rows if row["cause"] == DEPOSIT])
    stored = _payments(connection, {row["uid"] for row in rows} - made.keys())
    return [
        _deposited(row, made[row["uid"]])
        if row["uid"] in made
        else _readable(row, stored.get(row["uid"]), driven.get(name or "", _NOTHING))
        for row, name in zip(rows, names, strict=True)
    ]


def _deposited(row: Row, made: Deposit) -> DepositEvent:
    told = (row["to_status"], row["cause"], row["at"])
    return DepositEvent(row["sequence"], event_id(row["uid"], row["sequence"], *told), made)


def _operations(connection: Connection, names: Sequence[str]) -> dict[str, _Driven]:
    columns = (operations.c.operation_id, operations.c.answer, operations.c.traceparent)
    query = select(*columns).where(is_any_of(connection, columns[0], names))
    found = connection.execute(query) if names else ()
    return {name: _Driven(answer, traceparent) for name, answer, traceparent in found}


def _payments(connection: Connection, uids: Collection[str]) -> dict[str, Row]:
    query = select(payments).where(is_any_of(connection, payments.c.uid, list(uids)))
    if not uids:
        return {}
    try:
        return {r["uid"]: dict(r) for r in connection.execute(query).mappings()}
    except ValueError:
        # One of them is no JSON, which only SQLite stores: the others are read without it.
        if len(uids) == 1:
            return {}
    return {uid: row for each in uids for uid, row in _payments(connection, [each]).items()}


def _readable(row: Row, payment: Row | None, driven: _Driven) -> AnyEvent:
    """Return the event; one that cannot be read must not stop those that come after it."""
    if payment is None:
        return UnreadableEvent(row["sequence"], "its payment is not there, or holds no JSON")
    try:
        return _event(row, payment, driven)
    except UNREADABLE as error:
        return UnreadableEvent(row["sequence"], f"{type(error).__name__}: {error}")


def _event(row: Row, payment: Row, driven: _Driven) -> Event:
    told = row["from_status"] is not None and driven.answer is not None
    return Event(
        sequence=row["sequence"],
        from_status=row["from_status"],
        to_status=row["to_status"],
        cause=row["cause"],
        actor=row["actor"],
        at=row["at"],
        payment=read_payment(payment),
        answer=bytes(driven.answer or b"") if told else None,
        traceparent=driven.traceparent,
        asked_currency=row["asked_currency"],
    )


def _operation(row: Row) -> str | None:
    """Return the operation of an event; None where a release did not say and nothing else does."""
    if row["operation_id"] is not None:
        return str(row["operation_id"])
    return told_operation(row["uid"], row["from_status"], row["cause"])


def told_operation(uid: str, from_status: str | None, cause: str) -> str | None:
    """Return the operation of an event where the rest of it tells, else None.

    Such an event is stored without it.
    """
    if from_status in (None, Status.RECEIVED):
        return operation_id(Kind.PAY, uid)
    return operation_id(cause, uid) if cause in _SAID_BY_CAUSE else None


def _type(row: Row) -> str:
    return event_type(row["from_status"], row["to_status"], row["cause"])

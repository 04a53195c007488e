"""The append-only events of payments, read in order; `event_order` writes them.

An event keeps the payment as it was by naming its operation: the first answer of an operation is
that payment, is stored by the same transaction, and never changes. So most events are told without
the payment as it is now, and that is not read for them.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct
from sqlalchemy import Connection, func, select

from kurs.contracts.payments import EventType
from kurs.data.bulk import is_any_of
from payments.domain.event_identity import event_id, told_operation
from payments.domain.event_types import DEPOSIT, event_type
from payments.domain.payment import Payment
from payments.store.deposits import Deposit, by_transfer
from payments.store.rows import UNREADABLE, Row, read_payment
from payments.store.tables import events, operations, payments

LOOKED_AT = 1_000
"""A bound on the events that one page of some types is looked for in."""


class Event(Struct, frozen=True):
    """One thing that happened to a payment.

    `answer` is the first answer of its operation, which shows the payment as it was then; None for
    a request, and for refunds of releases that did not say which. `payment` is as it is now, where
    the event is not told without. `asked_currency` is the destination's, as a request named it.
    `trace_id` is its operation's, or the payment's where the operation was not sampled.
    Its `id` is another one if a restored database gives its sequence again.
    """

    id: str
    type: str
    sequence: int
    merchant: str
    payment_id: str
    from_status: str | None
    to_status: str
    cause: str
    actor: str
    at: int
    payment: Payment | None = None
    answer: bytes | None = None
    trace_id: str | None = None
    asked_currency: str | None = None

    @property
    def subject(self) -> str:
        """What it is about: events of one subject are sent in order."""
        return self.payment_id


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


class EventRow(NamedTuple):
    """The row of an event, with what its operation keeps: its end, and who asked for it."""

    sequence: int
    uid: str
    merchant: str
    from_status: str | None
    to_status: str
    cause: str
    actor: str
    at: int
    operation_id: str | None
    asked_currency: str | None
    answer: bytes | None = None
    trace_id: str | None = None

    @property
    def is_kept(self) -> bool:
        """Whether this is all that its event tells of."""
        return (
            self.answer is not None and self.trace_id is not None and self.from_status is not None
        )


EVENT_ROW = EventRow._fields[:-2]
"""The columns of an event's own row."""
# In `00-<trace id>-<span id>-<flags>`.
_TRACE_ID = func.substr(operations.c.traceparent, 4, 32)


def events_after(
    connection: Connection, merchant: str, sequence: int, limit: int, *, full: bool = False
) -> Sequence[AnyEvent]:
    """Return the merchant's events after `sequence`, oldest first; `full` as of `read_events`."""
    return event_page(connection, merchant, sequence, limit, full=full).items


def event_page(
    connection: Connection,
    merchant: str,
    sequence: int,
    limit: int,
    types: Collection[str] = (),
    *,
    full: bool = False,
) -> EventPage:
    """Return events of a merchant after `sequence`, oldest first; `full` as of `read_events`.

    With `types` only those. At most LOOKED_AT are looked at: a page may then be short, or empty,
    and more come after its end.
    """
    looked_at = max(LOOKED_AT, limit) if types else limit
    columns = [events.c[name] for name in EVENT_ROW]
    query = select(*columns).order_by(events.c.sequence).limit(looked_at + 1)
    query = query.where(events.c.sequence > sequence, events.c.merchant == merchant)
    seen = [EventRow(*row) for row in connection.execute(query)]
    rows = [row for row in seen[:looked_at] if not types or _type(row) in types]
    if len(rows) > limit:
        rows, end, more = rows[:limit], rows[limit - 1].sequence, True
    else:
        more = len(seen) > looked_at
        end = seen[:looked_at][-1].sequence if seen else sequence
    return EventPage(read_events(connection, _with_operations(connection, rows), full), end, more)


def last_sequence(connection: Connection) -> int:
    """Return the newest event's sequence, 0 before the first."""
    return connection.execute(select(func.max(events.c.sequence))).scalar() or 0


def event_ids(connection: Connection, sequences: Collection[int]) -> Mapping[int, str]:
    """Return the ids of events by sequence, also of those that cannot be read."""
    columns = (events.c.uid, events.c.sequence, events.c.to_status, events.c.cause, events.c.at)
    query = select(*columns).where(events.c.sequence.in_(sorted(sequences)))
    return {row.sequence: event_id(*row) for row in connection.execute(query)}


def read_events(
    connection: Connection, rows: Sequence[EventRow], full: bool = False
) -> list[AnyEvent]:
    """Return the events of rows. With `full` each has its payment as it is now, too."""
    others = [row for row in rows if full or not row.is_kept]
    if not others:
        return [_event(row) for row in rows]
    made = by_transfer(connection, [row.uid for row in others if row.cause == DEPOSIT])
    stored = _payments(connection, {row.uid for row in others} - made.keys())
    return [
        _event(row)
        if row.is_kept and not full
        else DepositEvent(row.sequence, _id(row), made[row.uid])
        if row.uid in made
        else _readable(row, stored.get(row.uid))
        for row in rows
    ]


def _with_operations(connection: Connection, rows: Sequence[EventRow]) -> Sequence[EventRow]:
    names = [_operation(row) for row in rows]
    columns = (operations.c.operation_id, operations.c.answer, _TRACE_ID)
    asked = [name for name in names if name is not None]
    query = select(*columns).where(is_any_of(connection, columns[0], asked))
    found = connection.execute(query) if asked else ()
    kept = {name: (answer, trace_id) for name, answer, trace_id in found}
    driven = [kept.get(name or "", (None, None)) for name in names]
    uids = [row.uid for row, (_, trace_id) in zip(rows, driven, strict=True) if trace_id is None]
    traces = _traces(connection, uids) if uids else {}
    return [
        row._replace(answer=answer, trace_id=trace_id or traces.get(row.uid))
        for row, (answer, trace_id) in zip(rows, driven, strict=True)
    ]


def _traces(connection: Connection, uids: Collection[str]) -> Mapping[str, str | None]:
    """Return the traces of payments: few operations are sampled, and keep one of their own."""
    query = select(payments.c.uid, payments.c.trace_id)
    found = connection.execute(query.where(is_any_of(connection, payments.c.uid, uids)))
    return dict(found.all())


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


def _readable(row: EventRow, payment: Row | None) -> AnyEvent:
    """Return the event; one that cannot be read must not stop those that come after it."""
    if payment is None:
        return UnreadableEvent(row.sequence, "its payment is not there, or holds no JSON")
    try:
        return _event(row, read_payment(payment))
    except UNREADABLE as error:
        return UnreadableEvent(row.sequence, f"{type(error).__name__}: {error}")


def _event(row: EventRow, payment: Payment | None = None) -> Event:
    # By place: names cost as much again, and a page of the feed has hundreds.
    return Event(
        _id(row),
        _type(row),
        row.sequence,
        row.merchant,
        row.uid[len(row.merchant) + 1 :],
        row.from_status,
        row.to_status,
        row.cause,
        row.actor,
        row.at,
        payment,
        None if row.from_status is None else row.answer,
        row.trace_id,
        row.asked_currency,
    )


def _operation(row: EventRow) -> str | None:
    """Return the operation of an event; None where a release did not say and nothing else does."""
    if row.operation_id is not None:
        return row.operation_id
    return told_operation(row.uid, row.from_status, row.cause)


def _id(row: EventRow) -> str:
    return event_id(row.uid, row.sequence, row.to_status, row.cause, row.at)


def _type(row: EventRow) -> str:
    return event_type(row.from_status, row.to_status, row.cause)

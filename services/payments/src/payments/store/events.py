"""The append-only events of payments: written with what they tell of, read in order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select, text

from kurs.data.bulk import insert_rows
from payments.domain.payment import Payment
from payments.store.ops import Claim, Finish
from payments.store.rows import read_payment
from payments.store.tables import EVENT_COLUMNS, events, payments


@dataclass(frozen=True, slots=True)
class Event:
    """One move of a payment, with the payment as it is now."""

    sequence: int
    from_status: str | None
    to_status: str
    cause: str
    actor: str
    at: int
    payment: Payment


def record_events(
    connection: Connection, created: Sequence[Claim], finishes: Sequence[Finish]
) -> None:
    """Append an event for each new payment and each move."""
    rows = [_request_row(claim) for claim in created]
    rows += [_move_row(f) for f in finishes if _is_move(f)]
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        # Sequence numbers must become visible in order, or a reader that resumes after the
        # last one it saw would miss a smaller one that is committed later.
        connection.execute(text("SELECT pg_advisory_xact_lock(7236)"))
    insert_rows(connection, events, EVENT_COLUMNS, rows)


def events_after(
    connection: Connection, merchant: str, sequence: int, limit: int
) -> Sequence[Event]:
    """Return the merchant's events after `sequence`, oldest first."""
    query = (
        select(events, *(c.label(f"payment_{c.name}") for c in payments.c))
        .join(payments, payments.c.uid == events.c.uid)
        .where(events.c.merchant == merchant, events.c.sequence > sequence)
        .order_by(events.c.sequence)
        .limit(limit)
    )
    return [
        Event(
            sequence=row["sequence"],
            from_status=row["from_status"],
            to_status=row["to_status"],
            cause=row["cause"],
            actor=row["actor"],
            at=row["at"],
            payment=read_payment({c.name: row[f"payment_{c.name}"] for c in payments.c}),
        )
        for row in connection.execute(query).mappings()
    ]


def last_sequence(connection: Connection) -> int:
    """Return the newest event's sequence, 0 before the first."""
    return connection.execute(select(func.max(events.c.sequence))).scalar() or 0


def _request_row(claim: Claim) -> tuple[Any, ...]:
    payment, actor = claim.payment, claim.operation.actor
    begun = (None, str(payment.status), "requested")
    return (payment.uid, payment.merchant, *begun, actor, payment.created_at)


def _is_move(finish: Finish) -> bool:
    refunded = finish.after.refunded_amount != finish.before.refunded_amount
    return refunded or finish.after.status != finish.before.status


def _move_row(finish: Finish) -> tuple[Any, ...]:
    before, after = finish.before, finish.after
    moved = (str(before.status), str(after.status), finish.cause, finish.operation.actor)
    return (after.uid, after.merchant, *moved, after.updated_at)

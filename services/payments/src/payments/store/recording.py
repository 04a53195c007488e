"""Which events tell of what happened; they are written in the transaction of that."""

from collections.abc import Sequence
from typing import Any

from payments.domain.moves import Kind
from payments.domain.operation import Operation
from payments.store.events import told_operation
from payments.store.ops import Claim, Finish


def event_rows(created: Sequence[Claim], finishes: Sequence[Finish]) -> list[Sequence[Any]]:
    """Return an event for each new payment, each move and each refund that failed."""
    rows = [_request_row(claim) for claim in created]
    return rows + [_outcome_row(f) for f in finishes if _is_event(f)]


def _request_row(claim: Claim) -> Sequence[Any]:
    payment, operation = claim.payment, claim.operation
    begun = (None, str(payment.status), "requested", operation.actor, payment.created_at)
    named = (_untold(operation, None, "requested"), payment.destination_currency)
    return (payment.uid, payment.merchant, *begun, *named)


def _is_event(finish: Finish) -> bool:
    return finish.operation.kind == Kind.REFUND or finish.after.status != finish.before.status


def _outcome_row(finish: Finish) -> Sequence[Any]:
    before, after, operation = finish.before, finish.after, finish.operation
    moved = (str(before.status), str(after.status), finish.cause, operation.actor)
    # A refund that fails changes no payment: it is dated by when it was asked for.
    at = max(after.updated_at, operation.created_at)
    named = _untold(operation, str(before.status), finish.cause)
    return (after.uid, after.merchant, *moved, at, named, None)


def _untold(operation: Operation, before: str | None, cause: str) -> str | None:
    """Return the operation's id unless the rest of its event tells it."""
    own = operation.operation_id
    return None if told_operation(operation.uid, before, cause) == own else own

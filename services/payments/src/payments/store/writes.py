"""The writes of payments: one transaction serves every operation that waits for it.

New payments are claimed, and outcomes recorded, with a constant number of statements per batch.
The rarer actions on a payment (capture, refund, …) are begun one by one in the same transaction.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from kurs.data.bulk import Write, write_all
from kurs.data.failures import RetryTransaction
from payments.domain.beginning import Beginning, InProgress, Missing, Started
from payments.store.beginning import begin, claim
from payments.store.event_order import append_events, appending
from payments.store.finishing import finish, keep_waiting
from payments.store.ops import Begin, Claim, Finish, Op, VersionConflict, Wait
from payments.store.recording import event_rows

Written = Beginning | None
"""What became of a claim or a beginning; None of what was recorded."""


def apply(connection: Connection, ops: Sequence[Op]) -> list[Written | VersionConflict]:
    """Apply a batch; each operation succeeds or fails alone.

    Raises RetryTransaction when another process claimed the same id meanwhile, and VersionConflict
    when a payment has changed without an answer to its operation.
    """
    claims = {i: op for i, op in enumerate(ops) if isinstance(op, Claim)}
    finishes = {i: op for i, op in enumerate(ops) if isinstance(op, Finish)}
    waits = {i: op for i, op in enumerate(ops) if isinstance(op, Wait)}
    results: dict[int, Written | VersionConflict] = {
        i: begin(connection, op.operation) for i, op in enumerate(ops) if isinstance(op, Begin)
    }
    begun, storing = claim(connection, list(claims.values())) if claims else ([], [])
    results.update(zip(claims, begun, strict=True))
    recorded, answering = finish(connection, list(finishes.values())) if finishes else ([], None)
    # By identity: equal outcomes may come twice, and only one of them is recorded.
    known = set(map(id, recorded))
    for i, op in finishes.items():
        results[i] = None if id(op) in known else VersionConflict()
    if waits:
        keep_waiting(connection, list(waits.values()))
        results.update(dict.fromkeys(waits))
    created = [op for i, op in claims.items() if _is_fresh(results[i])]
    results.update(_beside(ops, results, created))
    _write(connection, storing, answering, event_rows(created, recorded))
    return [results[i] for i in range(len(ops))]


def _beside(
    ops: Sequence[Op], results: Mapping[int, Written | VersionConflict], created: Sequence[Claim]
) -> dict[int, Written]:
    """Return what becomes of steps on payments that are new in this very batch."""
    new = {op.payment.uid for op in created}
    return {
        i: InProgress()
        for i, op in enumerate(ops)
        if isinstance(op, Begin) and op.operation.uid in new and isinstance(results[i], Missing)
    }


def _write(
    connection: Connection,
    storing: Sequence[Write],
    answering: Write | None,
    happened: Sequence[Sequence[Any]],
) -> None:
    """Make what is left to be written in one round trip, with the events that tell of it."""
    others = [] if answering is None else [answering]
    writes = [*storing, *others, appending(connection, happened)]
    written = write_all(connection, writes)
    if any(count < len(w.rows) for w, count in zip(storing, written, strict=False)):
        raise RetryTransaction
    if written[-1] < len(happened):
        append_events(connection, happened)


def _is_fresh(result: Written | VersionConflict) -> bool:
    return isinstance(result, Started) and result.fresh

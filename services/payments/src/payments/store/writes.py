"""The writes of payments: one transaction serves every operation that waits for it.

New payments are claimed, and outcomes recorded, with a constant number of statements per batch.
The rarer actions on a payment (capture, refund, …) are begun one by one in the same transaction.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from payments.domain.beginning import Beginning, Started
from payments.store.beginning import begin, claim
from payments.store.finishing import finish, keep_waiting
from payments.store.ops import Begin, Claim, Finish, Op, VersionConflict, Wait
from payments.store.recording import record_events

Written = Beginning | None
"""What became of a claim or a beginning; None of what was recorded."""


def apply(connection: Connection, ops: Sequence[Op]) -> list[Written | VersionConflict]:
    """Apply a batch; each operation succeeds or fails alone.

    Raises RetryTransaction when another process claimed the same id meanwhile, and VersionConflict
    when a payment has changed without an answer to its operation.
    """
    claims = {i: op for i, op in enumerate(ops) if isinstance(op, Claim)}
    finishes = {i: op for i, op in enumerate(ops) if isinstance(op, Finish)}
    results: dict[int, Written | VersionConflict] = {}
    if claims:
        results.update(zip(claims, claim(connection, list(claims.values())), strict=True))
    for i, op in enumerate(ops):
        if isinstance(op, Begin):
            results[i] = begin(connection, op.operation)
    recorded = finish(connection, list(finishes.values())) if finishes else []
    # By identity: equal outcomes may come twice, and only one of them is recorded.
    known = set(map(id, recorded))
    for i, op in finishes.items():
        results[i] = None if id(op) in known else VersionConflict()
    waits = {i: op for i, op in enumerate(ops) if isinstance(op, Wait)}
    if waits:
        keep_waiting(connection, list(waits.values()))
        results.update(dict.fromkeys(waits))
    created = [op for i, op in claims.items() if _is_fresh(results[i])]
    record_events(connection, created, recorded)
    return [results[i] for i in range(len(ops))]


def _is_fresh(result: Written | VersionConflict) -> bool:
    return isinstance(result, Started) and result.fresh

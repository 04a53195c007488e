"""Operations that this process drove and could not finish: nobody needs their leases any more.

A lease keeps others from an operation that is driven. Once that has ended without an outcome, it
keeps them off for nothing, and after an outage longer than the outage took.
"""

from payments.domain.operation import Operation


class Unfinished:
    """What was left within its lease, until a sweeper has taken it up."""

    def __init__(self) -> None:
        self._left: dict[str, Operation] = {}

    def leave(self, operation: Operation) -> None:
        """Say that this process drives an operation no more, but maybe a later attempt at it."""
        known = self._left.get(operation.operation_id)
        if known is None or known.attempts <= operation.attempts:
            self._left[operation.operation_id] = operation

    def take(self, now: int) -> list[Operation]:
        """Return what was left since, but for that whose lease has run out by itself."""
        left = [each for each in self._left.values() if each.lease_until >= now]
        self._left.clear()
        return left

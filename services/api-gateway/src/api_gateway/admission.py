"""How much is in use at once: bounded in all, and shared out between merchants.

Nobody waits for a place: a queue here would only add to the time that callers wait already. A
merchant may hold as much as is free, after it has taken more: alone half of everything, two busy
ones a third each, and whoever holds little finds the rest. So there is nothing to set for each
merchant, what nobody uses can be used, and nobody takes the last (docs/decisions/0017).
"""

from types import TracebackType

from api_gateway.errors import ShareUsed
from kurs.kernel.errors import Overloaded

_LATER = {"Retry-After": "1"}


class Shares:
    """A number of places (or bytes) that holders borrow; `most` is what one may ever hold."""

    def __init__(self, limit: int, what: str, *, most: int | None = None) -> None:
        self._limit = limit
        self._most = limit if most is None else most
        self._what = what
        self._held: dict[str, int] = {}
        self.taken = 0

    def borrow(self, holder: str, amount: int = 1) -> "Loan":
        """Return a loan to be ended by its `with` block.

        Raises Overloaded when nothing is left for anybody, ShareUsed when the rest is for others.
        """
        loan = Loan(self, holder)
        if amount:
            loan.more(amount)
        return loan

    def take(self, holder: str, amount: int) -> None:
        """Take for a holder; raises as `borrow` does."""
        held = self._held.get(holder, 0) + amount
        free = self._limit - self.taken
        if held > free or held > self._most:
            raise self._refusal(amount, free)
        self._held[holder] = held
        self.taken += amount

    def give(self, holder: str, amount: int) -> None:
        """Give back what a holder took."""
        self.taken -= amount
        left = self._held[holder] - amount
        if left:
            self._held[holder] = left
        else:
            del self._held[holder]

    def _refusal(self, amount: int, free: int) -> Overloaded | ShareUsed:
        if amount > free:
            return Overloaded(
                f"too many {self._what} are in flight; this one was not started", headers=_LATER
            )
        return ShareUsed(
            f"too many {self._what} of this merchant are in flight; this one was not started",
            headers=_LATER,
        )


class Loan:
    """What one request holds; the end of its `with` block gives it back."""

    __slots__ = ("_amount", "_shares", "holder")

    def __init__(self, shares: Shares, holder: str) -> None:
        self._shares = shares
        self.holder = holder
        self._amount = 0

    def more(self, amount: int) -> None:
        """Take more; raises as `Shares.borrow` does."""
        self._shares.take(self.holder, amount)
        self._amount += amount

    def __enter__(self) -> "Loan":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._amount:
            self._shares.give(self.holder, self._amount)

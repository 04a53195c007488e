"""How much is in flight at once: bounded, so that an overload is refused early and cheaply."""

from types import TracebackType

from api_gateway.errors import Overloaded


class Slots:
    """A number of places; `with slots:` takes one, or raises Overloaded when none is free.

    Nobody waits for a place: a queue here would only add to the time that callers wait already.
    """

    def __init__(self, limit: int, what: str) -> None:
        self._limit = limit
        self._what = what
        self.taken = 0

    def __enter__(self) -> None:
        if self.taken >= self._limit:
            raise Overloaded(
                f"{self._limit} {self._what} are in flight; this one was not started",
                headers={"Retry-After": "1"},
            )
        self.taken += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.taken -= 1

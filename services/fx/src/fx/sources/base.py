"""The interface of a rate source, and the ways in which one can fail."""

from collections.abc import Mapping
from enum import Enum
from typing import Protocol

from fx.domain.rates import Observation


class SourceFault(Enum):
    """Why a source gave no rates; the values are metric labels."""

    ADDRESS = "address"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    REDIRECT = "redirect"
    STATUS = "status"
    BASE = "base"
    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    CREDENTIALS = "credentials"
    CONFIGURATION = "configuration"
    UNEXPECTED = "unexpected"


class SourceError(Exception):
    """A source could not be read. The message is ours alone: it never quotes what was received.

    `asks_less` is set when the other side wants to be asked no sooner than at the regular interval
    (a 4xx: to ask again at once gets the same answer); `retry_after` is the header in which it said
    for how long.
    """

    def __init__(
        self,
        fault: SourceFault,
        message: str,
        *,
        asks_less: bool = False,
        retry_after: str = "",
    ) -> None:
        super().__init__(message)
        self.fault = fault
        self.asks_less = asks_less
        self.retry_after = retry_after


def malformed(message: str) -> SourceError:
    """Return the error of an answer that came and cannot be read."""
    return SourceError(SourceFault.MALFORMED, message)


class RateSource(Protocol):
    """Says what currencies are worth against the source's base."""

    def read(self, now: int) -> Mapping[str, Observation] | None:
        """Return mids by quote currency as of `now` (microseconds); None if they are far away."""
        ...

    async def fetch(self, now: int) -> Mapping[str, Observation]:
        """Return what `read` returns, waiting for a network if need be; raises SourceError."""
        ...

    def next_after(self, now: int) -> int:
        """Return when to ask again, in microseconds since the epoch."""
        ...

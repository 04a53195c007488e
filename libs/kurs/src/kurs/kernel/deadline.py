"""The time a request has left, passed from hop to hop and shrinking at each.

`X-Request-Deadline` carries the milliseconds left as an integer, not an instant: hosts need no
common clock. The form follows gRPC's `grpc-timeout`.
"""

from contextvars import ContextVar
from typing import NamedTuple

from kurs.kernel.clock import monotonic

DEADLINE_HEADER = "X-Request-Deadline"
_LONGEST_MS = 24 * 60 * 60 * 1000


class Deadline(NamedTuple):
    """An instant of the monotonic clock, in seconds, after which the answer is of no use."""

    expires_monotonic: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """Return the deadline that is `seconds` from now."""
        return cls(monotonic() + seconds)

    @classmethod
    def from_ms(cls, milliseconds: int) -> "Deadline":
        """Return the deadline that is `milliseconds` from now."""
        return cls(monotonic() + milliseconds / 1000)

    @classmethod
    def from_header(cls, value: str | None) -> "Deadline | None":
        """Return the deadline of a header's value; None when it is absent or malformed."""
        if value is None or not value.isascii() or not value.isdigit() or len(value) > 9:
            return None
        return cls.from_ms(min(int(value), _LONGEST_MS))

    def remaining(self) -> float:
        """Return the seconds left; negative when it has passed."""
        return self.expires_monotonic - monotonic()

    def remaining_ms(self) -> int:
        """Return the whole milliseconds left, at least 0, as batch items carry them."""
        return max(0, int((self.expires_monotonic - monotonic()) * 1000))

    @property
    def expired(self) -> bool:
        """Whether it has passed."""
        return monotonic() >= self.expires_monotonic

    def to_header(self, margin: float = 0.0) -> str:
        """Return the header's value, less `margin` seconds for the way back; at least "0"."""
        return str(max(0, int((self.expires_monotonic - margin - monotonic()) * 1000)))


current_deadline: ContextVar[Deadline | None] = ContextVar("current_deadline", default=None)
"""The deadline of the request that is being served; set by the telemetry middleware."""


def request_deadline(seconds: float) -> Deadline:
    """Return by when the request that is being served is answered.

    That is in `seconds`, or when its caller will have gone, if that is sooner.
    """
    own, asked = Deadline.after(seconds), current_deadline.get()
    return own if asked is None else min(own, asked)

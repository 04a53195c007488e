"""A delivery: one event to one destination; what it sends, and what became of an attempt."""

from dataclasses import dataclass
from enum import StrEnum

GONE = 410
"""The status by which a receiver says that it wants nothing any more."""
_TAKES_NO_MORE = frozenset({429, 503})
OF_NO_EVENT = frozenset({401, 403, 405, 408, GONE, 425, 429})
"""What of 4xx says nothing of the event: who sends is not known, or nothing is taken now."""


class State(StrEnum):
    """Where a delivery stands."""

    WAITING = "waiting"
    DELIVERED = "delivered"


HELD = "held"
"""The stored state of one that waits for its place: its destination's row was locked when it came.

To whoever asks it waits like others."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event that is due at a destination. `previous` is the one before it for this destination.

    `attempts` were made of it so far, the first that failed at `failed_at`; `replays` is how often
    somebody asked for it again, `created_at` when it was taken in. Times are microseconds since the
    epoch.
    """

    destination: str
    sequence: int
    previous: int | None
    event_id: str
    payment_id: str
    event: str
    happened_at: int
    attempts: int
    replays: int
    failed_at: int | None = None
    created_at: int = 0

    @property
    def body(self) -> bytes:
        """What is signed and sent: the event, and before it the sequence that came before."""
        before = "null" if self.previous is None else str(self.previous)
        return f'{{"previous_sequence":{before},{self.event[1:]}'.encode()


def delivery_id(destination: str, sequence: int) -> str:
    """Return the id by which a delivery is asked for."""
    return f"{destination}.{sequence}"


def read_delivery_id(text: str) -> tuple[str, int] | None:
    """Return destination and sequence of an id, None for what is none."""
    destination, _, number = text.rpartition(".")
    if not (destination and number.isascii() and number.isdigit() and len(number) < 19):
        return None
    return destination, int(number)


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """What became of one request. `status` is None when none was answered; then `error` says why.

    `answer` is the beginning of what was answered, `retry_after` seconds.
    """

    status: int | None
    error: str | None = None
    answer: str = ""
    retry_after: float | None = None

    @property
    def taken(self) -> bool:
        """Whether the receiver has it."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def refuses_event(self) -> bool:
        """Whether the receiver does well, and wants this event not: others may be taken."""
        return self.status is not None and (
            400 <= self.status < 500 and self.status not in OF_NO_EVENT
        )

    @property
    def asks_for_rest(self) -> bool:
        """Whether the receiver wants to be left alone, and not only with this event."""
        return self.status in _TAKES_NO_MORE and self.retry_after is not None

    @property
    def reason(self) -> str | None:
        """Why it was not taken, in a sentence; None when it was."""
        if self.taken:
            return None
        if self.status is None:
            return self.error
        if 300 <= self.status < 400:
            return f"answered {self.status}; redirects are not followed"
        return f"answered {self.status}"

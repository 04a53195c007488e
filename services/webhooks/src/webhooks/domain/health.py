"""How a destination does, after what was tried there; and how that is called."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from kurs.kernel.clock import MICROS, to_rfc3339
from webhooks.domain.backoff import MANY, next_probe
from webhooks.domain.delivery import GONE, Delivery, DeliveryAttempt

Reason = Literal[
    "Delivering",
    "Suspended",
    "Gone",
    "Failing",
    "Retrying",
    "Refused",
    "Waiting",
    "FeedUnread",
    "Unknown",
]
MOST_COUNTED = 1_000
"""What waits is counted so far: one more stands for all beyond."""
_PATIENCE = 30 * MICROS
"""For how long nothing may happen though it should: until then a dead replica is replaced."""


class Health(NamedTuple):
    """How a destination does, as it is stored; times in microseconds since the epoch."""

    failures: int
    failing_since: int | None
    retry_at: int
    gone_at: int | None
    last_error: str | None
    last_error_at: int | None
    delivered_sequence: int | None
    delivered_at: int | None

    @property
    def is_probed(self) -> bool:
        """Whether one request finds out first if anything is taken."""
        return self.failures >= MANY and self.retry_at > 0


@dataclass(frozen=True, slots=True)
class Tried:
    """An attempt at a delivery, made at `at`; not taken, it may be sent again at `next_at`."""

    delivery: Delivery
    attempt: DeliveryAttempt
    at: int
    next_at: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How a destination does, and what waits; times in microseconds since the epoch.

    `waiting` is MOST_COUNTED + 1 where more than MOST_COUNTED events do.
    """

    delivered_sequence: int | None = None
    last_sequence: int | None = None
    waiting: int = 0
    oldest_waiting_at: int | None = None
    first_failed_at: int | None = None
    gone_at: int | None = None
    retry_at: int = 0
    failures: int = 0
    last_error: str | None = None
    last_error_at: int | None = None
    due_at: int | None = None
    delivered_at: int | None = None

    @property
    def waiting_in_words(self) -> str:
        """How many events wait, as a sentence."""
        if self.waiting > MOST_COUNTED:
            return f"more than {MOST_COUNTED} events wait"
        return "1 event waits" if self.waiting == 1 else f"{self.waiting} events wait"


def after_round(before: Health, tried: Sequence[Tried], now: int, failing_after: int) -> Health:
    """Return how a destination does after a round; `failing_after` is in seconds.

    A round of which nothing was taken is a failure, and after many the destination is only probed.
    A receiver that refuses an event itself is not: it does well, and may take others.
    """
    taken = [t.delivery.sequence for t in tried if t.attempt.taken]
    failed = [t.attempt for t in tried if not t.attempt.taken]
    gone = any(attempt.status == GONE for attempt in failed)
    wishes = [a.retry_after for a in failed if a.asks_for_rest and a.retry_after is not None]
    failures = 0 if taken or not failed else before.failures + 1
    since = (before.failing_since or now) if failures else None
    is_failing = since is not None and now - since > failing_after * MICROS
    wish = max(wishes, default=None)
    refused = failures and wish is None and any(attempt.refuses_event for attempt in failed)
    probe = next_probe(failures, now, is_failing=is_failing, wish_seconds=wish)
    return Health(
        failures=failures,
        failing_since=since,
        retry_at=0 if refused or not failed else probe,
        gone_at=now if gone else None,
        last_error=failed[-1].reason if failed else before.last_error,
        last_error_at=now if failed else before.last_error_at,
        delivered_sequence=max([*taken, before.delivered_sequence or 0]) or None,
        delivered_at=now if taken else before.delivered_at,
    )


def reason_of(
    suspended: bool, standing: Standing | None, now: int, failing_after: int
) -> tuple[Reason, str]:
    """Return how a destination does, in a word and a sentence; `failing_after` is in seconds."""
    if standing is None:
        return "Unknown", "no replica of webhooks has seen it yet"
    if suspended:
        return "Suspended", f"spec.suspend is set; {standing.waiting_in_words}"
    if standing.gone_at is not None:
        return "Gone", "it answered 410; edit it, or replay, to send again"
    failed = standing.first_failed_at
    # What was taken by a replica of another revision leaves the failures before it counted.
    if failed is None and not (standing.failures and standing.waiting):
        return "Delivering", "nothing that it was sent waits to be sent again"
    error = standing.last_error or "it did not take an event"
    if failed is not None and now - failed > failing_after * MICROS:
        return "Failing", f"{error}; events wait since {to_rfc3339(failed)}"
    return "Retrying", error


def ready_or_why(
    reason: tuple[Reason, str],
    standing: Standing,
    now: int,
    *,
    hindrance: str,
    feed_read_at: int | None,
) -> tuple[Reason, str]:
    """Return the `reason` of a destination, or why nothing gets there all the same.

    `hindrance` is what keeps us from sending there at all, `feed_read_at` when payments told last
    what happened.
    """
    word, _ = reason
    if hindrance and word in ("Delivering", "Retrying", "Unknown"):
        return "Refused", hindrance
    if word != "Delivering":
        return reason
    due, taken = standing.due_at, standing.delivered_at or 0
    if due is not None and now - max(due, taken) > _PATIENCE:
        return "Waiting", f"events are due since {to_rfc3339(due)}, and nobody sends them"
    if feed_read_at is None:
        return "FeedUnread", "payments has not told yet what happened"
    if now - feed_read_at > _PATIENCE:
        return "FeedUnread", f"payments tells nothing since {to_rfc3339(feed_read_at)}"
    return reason

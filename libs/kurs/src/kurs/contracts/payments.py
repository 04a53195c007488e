"""What payments says to webhooks: what happened, of all merchants, in order."""

from enum import StrEnum

from pydantic import BaseModel


class EventType(StrEnum):
    """The types of events; docs/api.md lists them. A later release may know more."""

    REQUESTED = "payment.requested"
    CAPTURED = "payment.captured"
    AUTHORIZED = "payment.authorized"
    IN_REVIEW = "payment.in_review"
    FAILED = "payment.failed"
    VOIDED = "payment.voided"
    EXPIRED = "payment.expired"
    REFUND_SUCCEEDED = "refund.succeeded"
    REFUND_FAILED = "refund.failed"


class FeedEvent(BaseModel):
    """One event: `body` is the JSON that its merchant gets, byte for byte.

    `at` is microseconds since the epoch.
    """

    id: str
    sequence: int
    merchant: str
    payment_id: str
    type: str
    at: int
    body: str


class FeedAnswer(BaseModel):
    """The next events, and the sequence to go on after."""

    events: list[FeedEvent]
    next_after: int

"""What payments says to webhooks and to the gateway.

To webhooks: what happened, of all merchants, in order.

To the gateway: many `POST /payments` of many callers as one request. Each item is a request as its
caller sent it, with what the gateway established about the caller. The answer comes in lines of
JSON, each a result as soon as it is there, in any order, so that a payment that takes long holds up
no other: `item` says which one it is of.
"""

from enum import StrEnum
from typing import Annotated, Final, Literal, Required

from pydantic import BaseModel, Field, StringConstraints

from kurs.contracts.batch import Envelope, Undone, strict
from kurs.kernel.ids import MerchantId

ANSWERED: Final = "answered"
"""The status of an item that has the answer of `POST /payments`."""
MAX_PAYMENTS = 200
"""The most items of one batch."""
MAX_BODY_BYTES = 4_096
"""The longest body that goes in a batch."""


@strict
class PayItem(Envelope, total=False):
    """One `POST /payments`; `body` is its text as it came."""

    merchant: Required[MerchantId]
    key_id: Annotated[str, StringConstraints(pattern=r"^[!-~]{0,64}$")]
    roles: Annotated[str, StringConstraints(pattern=r"^[a-z,]{0,200}$")]
    idempotency_key: Annotated[str, StringConstraints(max_length=1_000)] | None
    body: Required[Annotated[str, StringConstraints(max_length=MAX_BODY_BYTES)]]


class PayResult(Undone, total=False):
    """What became of one item: `answered`, or `skipped` where the item could not be read."""

    item: Required[Annotated[int, Field(ge=0)]]
    status: Required[Literal["answered", "skipped"]]
    http_status: int
    headers: dict[str, str]
    body: str


MAX_WANTED_BY: Final = 100
"""The most merchants that webhooks names when it asks for events of these alone."""


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
    DEPOSIT_SUCCEEDED = "deposit.succeeded"


class FeedEvent(BaseModel):
    """One event: `body` is the JSON that its merchant gets, byte for byte.

    Events of one `payment_id` are sent in order; a deposit, which is no payment's, has its
    transfer's id there. `at` is microseconds since the epoch.
    """

    id: str
    sequence: int
    merchant: str
    payment_id: str
    type: str
    at: int
    body: str


class FeedAnswer(BaseModel):
    """The next events, and the sequence to go on after. Requests, which are never sent, are none.

    Where nothing comes after the sequence that was asked for `newest` is the newest there is: below
    that one, what payments knows was set back. A release before does not say. `unreadable` are the
    sequences between them of events that payments cannot read; a release before fails over one.
    `after_id` and `next_id` are the ids of the events at the sequence that was asked for and at
    `next_after`, empty where there is none: another id than before, and payments was set back and
    has gone on since. A release before does not say.
    """

    events: list[FeedEvent]
    unreadable: list[int] = []
    next_after: int
    newest: int | None = None
    after_id: str | None = None
    next_id: str | None = None

"""What goes into the flow, on its way and out of it: orders, drives, replies."""

from enum import Enum
from typing import NamedTuple

from msgspec import Struct

from kurs.calls import Deadline
from kurs.telemetry import Trace
from payments import answers
from payments.clients import Unanswered
from payments.domain.beginning import Started
from payments.domain.operation import Answer
from payments.store.ops import Begin, Claim


class Order(Struct, frozen=True):
    """An operation that is asked for, on which payment, by when, and the trace that it is of."""

    op: Claim | Begin
    payment_id: str
    deadline: Deadline
    trace: Trace


class Drive(NamedTuple):
    """An operation that is driven to its outcome, by when, and the trace that it is of."""

    started: Started
    deadline: Deadline
    trace: Trace


class Need(Enum):
    """What has to be asked about an operation before money moves: what may be slow by itself."""

    NOTHING = "nothing"
    ACCOUNTS = "accounts"
    RISK = "risk"
    PRICE = "price"
    EXPOSURE = "exposure"
    REFUND = "refund"


class Reply(Struct, frozen=True):
    """An answer to a caller, the payment that it is about, and whether it was given before.

    `open` is why there is no outcome yet, if so.
    """

    answer: Answer
    payment_id: str
    replayed: bool = False
    open: Unanswered | None = None

    @property
    def headers(self) -> dict[str, str]:
        """What is said beside the answer."""
        headers = {"content-type": "application/json"}
        if self.replayed:
            headers["idempotent-replayed"] = "true"
        if self.answer.status == answers.RUNNING:
            headers["location"] = f"/payments/{self.payment_id}"
            headers["retry-after"] = "1"
        return headers

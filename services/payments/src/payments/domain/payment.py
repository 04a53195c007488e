"""A payment: what it is, the states it may be in, and the moves between them."""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any

from payments.domain.failure import Failure, FailureCode


class Status(StrEnum):
    """Where a payment stands. RECEIVED is answered as PROCESSING when its outcome is not known."""

    RECEIVED = "RECEIVED"
    CAPTURED = "CAPTURED"
    AUTHORIZED = "AUTHORIZED"
    REVIEW = "REVIEW"
    FAILED = "FAILED"
    VOIDED = "VOIDED"
    EXPIRED = "EXPIRED"
    PARTIALLY_REFUNDED = "PARTIALLY_REFUNDED"
    REFUNDED = "REFUNDED"


LEGAL_MOVES: dict[Status, frozenset[Status]] = {
    Status.RECEIVED: frozenset({Status.CAPTURED, Status.AUTHORIZED, Status.REVIEW, Status.FAILED}),
    Status.AUTHORIZED: frozenset({Status.CAPTURED, Status.VOIDED, Status.EXPIRED}),
    Status.REVIEW: frozenset({Status.CAPTURED, Status.FAILED}),
    Status.CAPTURED: frozenset({Status.PARTIALLY_REFUNDED, Status.REFUNDED}),
    Status.PARTIALLY_REFUNDED: frozenset({Status.PARTIALLY_REFUNDED, Status.REFUNDED}),
    Status.FAILED: frozenset(),
    Status.VOIDED: frozenset(),
    Status.EXPIRED: frozenset(),
    Status.REFUNDED: frozenset(),
}
"""Every move that exists; anything else is a fault of the program or a conflict of the caller."""


class IllegalMove(ValueError):
    """The payment cannot go from its status to the wanted one."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """The rate that a payment across currencies was made at."""

    quote_id: str
    mid: Decimal
    spread_bps: int
    rate: Decimal
    source: str
    as_of: int
    config_revision: str


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment. Amounts are minor units, times microseconds since the epoch.

    `destination_currency` is None until it is known: the request may leave it to the
    destination's settlement currency. `version` counts the writes, `active_operation` is the one
    operation in progress, `quote` the signed quote that was brought, or that it was made by,
    `lease_until` when another process may take that over.
    """

    merchant: str
    payment_id: str
    amount: int
    currency: str
    source_account: str
    destination_account: str
    created_at: int
    updated_at: int
    capture: str = "automatic"
    status: Status = Status.RECEIVED
    destination_currency: str | None = None
    destination_amount: int | None = None
    quote: str | None = None
    description: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    exchange: Exchange | None = None
    risk: dict[str, Any] | None = None
    failure: Failure | None = None
    captured_amount: int = 0
    refunded_amount: int = 0
    hold_expires_at: int | None = None
    trace_id: str | None = None
    active_operation: str | None = None
    version: int = 1

    @property
    def uid(self) -> str:
        """The payment's id among all merchants; a colon occurs in neither part."""
        return f"{self.merchant}:{self.payment_id}"

    def move(self, to: Status, *, at: int, **changes: Any) -> "Payment":
        """Return the payment in status `to`, its operation ended; raises IllegalMove."""
        if to not in LEGAL_MOVES[self.status]:
            raise IllegalMove(f"a payment that is {self.status} cannot become {to}")
        return replace(self, status=to, updated_at=at, active_operation=None, **changes)

    def fail(self, code: FailureCode, message: str, *, at: int) -> "Payment":
        """Return the payment as FAILED for a business reason."""
        return self.move(Status.FAILED, at=at, failure=Failure(code, message))

"""A payment: what it is, and how it goes from one status to another."""

from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from payments.domain.applied_rate import AppliedRate
from payments.domain.failure import Failure
from payments.domain.moves import Status, leads_to


class IllegalMove(ValueError):
    """The payment cannot go from its status to the wanted one."""


class Payment(Struct, frozen=True):
    """One payment. Amounts are minor units, times microseconds since the epoch.

    `status` is a `Status`, or the word of a later release. `destination_currency` is None until it
    is known: the request may leave it to the destination's settlement currency. Accounts stand as
    the caller wrote them, its own ones by their bare names; `payer` and `payee` are which accounts
    these were when it was asked for, as all name them (`merchant/name`): None until that is known,
    and for ever in payments of releases that knew no such names. `version` counts
    the writes, `active_operation` is the one operation in progress, `quote` the signed quote that
    was brought, or that it was made by.
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
    status: str = Status.RECEIVED
    destination_currency: str | None = None
    destination_amount: int | None = None
    quote: str | None = None
    description: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    exchange: AppliedRate | None = None
    risk: dict[str, Any] | None = None
    failure: Failure | None = None
    captured_amount: int = 0
    refunded_amount: int = 0
    hold_expires_at: int | None = None
    trace_id: str | None = None
    active_operation: str | None = None
    version: int = 1
    payer: str | None = None
    payee: str | None = None

    @property
    def uid(self) -> str:
        """The payment's id among all merchants; a colon occurs in neither part."""
        return f"{self.merchant}:{self.payment_id}"

    @property
    def paid_as(self) -> Status:
        """What it is once it is paid: captured, unless a person or a later capture decides."""
        if self.risk is not None and self.risk["decision"] == "review":
            return Status.REVIEW
        return Status.AUTHORIZED if self.capture == "manual" else Status.CAPTURED

    @property
    def parties(self) -> tuple[str, str]:
        """Whose money moves to whom, as the ledger is told of it."""
        return self.payer or self.source_account, self.payee or self.destination_account

    def move(self, to: Status, *, at: int, **changes: Any) -> "Payment":
        """Return the payment in status `to`, its operation ended; raises IllegalMove."""
        if to not in leads_to(self.status):
            raise IllegalMove(f"a payment that is {self.status} cannot become {to}")
        return replace(self, status=to, updated_at=at, active_operation=None, **changes)

    def fail(self, failure: Failure, *, at: int) -> "Payment":
        """Return the payment as FAILED for a business reason."""
        return self.move(Status.FAILED, at=at, failure=failure)

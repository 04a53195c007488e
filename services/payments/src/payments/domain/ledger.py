"""What the ledger says of the transfer under an operation's id.

Result
├── Made        it was made just now
├── Stands      an earlier one is there: this one (`same`), or another that came first
├── Cancelled   its id was burnt before: nothing can ever move under it
└── Refused     it was refused for good, now or earlier
"""

from msgspec import Struct

from kurs.contracts.wallet import StoredTransfer, TransferResult, TransferStatus
from payments.domain.failure import Failure, refusal_of


class Unreadable(ValueError):
    """The ledger moved something under the id, and does not say for which outcome."""


class Made(Struct, frozen=True):
    """The transfer was made just now."""


class Stands(Struct, frozen=True):
    """An earlier transfer stands under the id; `same` if it has the content that was sent."""

    stored: StoredTransfer
    same: bool


class Cancelled(Struct, frozen=True):
    """The id was burnt; `stored` is the cancellation."""

    stored: StoredTransfer
    failure: Failure


class Refused(Struct, frozen=True):
    """The transfer was refused, and its id is used up."""

    code: str | None
    failure: Failure


Result = Made | Stands | Cancelled | Refused


def read_result(result: TransferResult) -> Result:
    """Return what an answer of the ledger says; raises Unreadable when it says nothing of it."""
    status, stored = result["status"], result.get("stored")
    if status == TransferStatus.APPLIED:
        if not result["replayed"]:
            return Made()
        if stored is None:
            raise Unreadable("an earlier outcome without what is stored")
        return Stands(stored, same=True)
    if status == TransferStatus.REFUSED:
        refusal = refusal_of(result.get("code"), result.get("message"))
        if stored is not None and stored["status"] == TransferStatus.APPLIED:
            return Cancelled(stored, refusal.failure)
        return Refused(result.get("code"), refusal.failure)
    if status == TransferStatus.CONFLICT and stored is not None:
        if stored["status"] == TransferStatus.APPLIED:
            return Stands(stored, same=False)
        if stored["status"] == TransferStatus.REFUSED:
            refusal = refusal_of(stored["code"], stored.get("message"))
            return Refused(stored.get("code"), refusal.failure)
    raise Unreadable(f"{status!r} says nothing of what stands under the id")

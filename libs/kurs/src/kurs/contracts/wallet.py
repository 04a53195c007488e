"""What the wallet says to the services that call it."""

from enum import StrEnum


class Status(StrEnum):
    """How the ledger answered. `applied` and `refused` are stored; the others leave no trace."""

    APPLIED = "applied"
    REFUSED = "refused"
    CONFLICT = "conflict"
    SKIPPED = "skipped"


class Code(StrEnum):
    """Why a transfer was refused, or is none."""

    INSUFFICIENT_FUNDS = "insufficient_funds"
    ACCOUNT_NOT_FOUND = "account_not_found"
    AMOUNT_OVERFLOW = "amount_overflow"
    QUOTE_ALREADY_USED = "quote_already_used"
    QUOTE_EXPIRED = "quote_expired"
    QUOTE_MISMATCH = "quote_mismatch"
    HOUSE_DEBIT_FORBIDDEN = "house_debit_forbidden"
    HOLD_NOT_FOUND = "hold_not_found"
    HOLD_EXPIRED = "hold_expired"
    HOLD_CLOSED = "hold_closed"
    CAPTURE_EXCEEDS_HOLD = "capture_exceeds_hold"
    CAPTURE_WITHOUT_DEBIT = "capture_without_debit"
    ORIGINAL_NOT_FOUND = "original_not_found"
    REVERSAL_EXCEEDS_ORIGINAL = "reversal_exceeds_original"
    CANCELLED = "cancelled"
    ID_REUSED = "transfer_id_reused"
    NOT_DUE = "not_due"
    CEILING = "ceiling_exceeded"


HOLD_GONE = frozenset({Code.HOLD_EXPIRED, Code.HOLD_CLOSED})
"""The hold was released by its expiry, or ended otherwise."""

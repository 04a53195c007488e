"""What risk says to the services that call it."""

from enum import StrEnum

SCORED = "scored"
"""The status of an item that was decided on."""

JUDGED = "judged"
"""The status of an item whose exposure was compared; `within` tells whether limits allow it."""


class Decision(StrEnum):
    """What is to become of a payment."""

    APPROVE = "approve"
    REVIEW = "review"
    DECLINE = "decline"


class Code(StrEnum):
    """Why a payment cannot be decided on."""

    DECISION_CONFLICT = "decision_conflict"
    AMOUNT_MALFORMED = "amount_malformed"
    AMOUNT_NOT_POSITIVE = "amount_not_positive"
    AMOUNT_TOO_PRECISE = "amount_too_precise"
    AMOUNT_TOO_LARGE = "amount_too_large"

"""Why a payment fails: a closed list of business reasons, each with what the caller can do."""

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from kurs.contracts import fx, risk, wallet


class FailureCode(StrEnum):
    """The business reasons; docs/api.md lists them, and a test holds it to this list."""

    INSUFFICIENT_FUNDS = "insufficient_funds"
    RISK_DECLINED = "risk_declined"
    EXPOSURE_EXCEEDED = "exposure_exceeded"
    ACCOUNT_NOT_FOUND = "account_not_found"
    SAME_ACCOUNT = "same_account"
    STALE_RATE = "stale_rate"
    PAIR_NOT_SUPPORTED = "pair_not_supported"
    AMOUNT_TOO_SMALL = "amount_too_small"
    AMOUNT_TOO_LARGE = "amount_too_large"
    QUOTE_INVALID = "quote_invalid"
    QUOTE_EXPIRED = "quote_expired"
    QUOTE_ALREADY_USED = "quote_already_used"
    QUOTE_MISMATCH = "quote_mismatch"
    REVIEW_REFUSED = "review_refused"
    REVIEW_EXPIRED = "review_expired"
    HOLD_EXPIRED = "hold_expired"
    TIMED_OUT = "timed_out"
    REFUSED = "refused"


_TOLD: Mapping[str, str] = {
    FailureCode.RISK_DECLINED: "declined by risk; risk.reasons names the rules",
    FailureCode.STALE_RATE: "the rate is too old to pay at",
    FailureCode.TIMED_OUT: "there was no outcome in time; nothing was taken",
    FailureCode.REFUSED: "refused for a reason that has no code here",
}
"""Where the explanation speaks of the house: its limits, its services, its sources."""


class Failure(Struct, frozen=True):
    """A reason with its explanation. `code` is a `FailureCode`, or the word of a later release."""

    code: str
    message: str

    @property
    def known(self) -> FailureCode:
        """The reason as callers see it: one of the list, whatever a later release stored."""
        return _KNOWN.get(self.code, FailureCode.REFUSED)

    @property
    def is_known(self) -> bool:
        """Tell whether this release has the code."""
        return self.code in _KNOWN

    @property
    def public_message(self) -> str:
        """The explanation as merchants see it."""
        return _TOLD.get(self.known, self.message)


_KNOWN: Mapping[str, FailureCode] = {code.value: code for code in FailureCode}


_MEANS: Mapping[str, FailureCode] = {
    **{
        code.value: FailureCode(code)
        for code in (*wallet.Code, *fx.Code, *risk.Code)
        if code.value in _KNOWN
    },
    # Faults between the services: no caller can do anything about them.
    wallet.Code.AMOUNT_OVERFLOW: FailureCode.REFUSED,
    wallet.Code.HOUSE_DEBIT_FORBIDDEN: FailureCode.REFUSED,
    wallet.Code.HOLD_NOT_FOUND: FailureCode.REFUSED,
    wallet.Code.HOLD_CLOSED: FailureCode.REFUSED,
    wallet.Code.CAPTURE_EXCEEDS_HOLD: FailureCode.REFUSED,
    wallet.Code.CAPTURE_WITHOUT_DEBIT: FailureCode.REFUSED,
    wallet.Code.ORIGINAL_NOT_FOUND: FailureCode.REFUSED,
    wallet.Code.REVERSAL_EXCEEDS_ORIGINAL: FailureCode.REFUSED,
    wallet.Code.CANCELLED: FailureCode.REFUSED,
    wallet.Code.ID_REUSED: FailureCode.REFUSED,
    wallet.Code.NOT_DUE: FailureCode.REFUSED,
    wallet.Code.CEILING: FailureCode.REFUSED,
    fx.Code.SAME_CURRENCY: FailureCode.REFUSED,
    fx.Code.UNKNOWN_CURRENCY: FailureCode.REFUSED,
    fx.Code.AMOUNT_MALFORMED: FailureCode.REFUSED,
    fx.Code.AMOUNT_NOT_POSITIVE: FailureCode.REFUSED,
    fx.Code.AMOUNT_TOO_PRECISE: FailureCode.REFUSED,
    risk.Code.DECISION_CONFLICT: FailureCode.REFUSED,
}
"""What the codes of wallet, fx and risk mean for a payment; a test holds this to all of them."""


class Refusal(Exception):
    """Raised where a payment turns out to be refused; nothing has moved."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.failure = Failure(code, message)


def read_failure(members: Mapping[str, str]) -> Failure:
    """Return the failure of its stored members, a later release's code as it is.

    Raises KeyError and TypeError for members that are none.
    """
    code, message = members["code"], members["message"]
    if not isinstance(code, str) or not isinstance(message, str):
        raise TypeError("a failure is made of texts")
    return Failure(code, message)


def refusal_of(code: str | None, message: str | None) -> Refusal:
    """Return the refusal that another service gave.

    A code that means nothing here stays what it is, and whoever settles the operation says so.
    """
    means = _MEANS.get(str(code))
    if means is None or means is FailureCode.REFUSED:
        return Refusal(means or str(code), f"{code}: {message}")
    return Refusal(means, message or str(code))

"""Why a payment fails: a closed list of business reasons, each with what the caller can do."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


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


@dataclass(frozen=True, slots=True)
class Failure:
    """A reason with its explanation. `code` is a `FailureCode`, or the word of a later release."""

    code: str
    message: str

    @property
    def known(self) -> FailureCode:
        """The reason as callers see it: one of the list, whatever a later release stored."""
        return _KNOWN.get(self.code, FailureCode.REFUSED)

    @property
    def told(self) -> str:
        """The explanation as merchants see it."""
        return _TOLD.get(self.known, self.message)


_KNOWN: Mapping[str, FailureCode] = {code.value: code for code in FailureCode}


class Refusal(Exception):
    """Raised where a payment turns out to be refused; nothing has moved."""

    def __init__(self, code: FailureCode, message: str) -> None:
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
    """Return the refusal that another service gave; a code unknown here becomes `refused`."""
    if code in _KNOWN:
        return Refusal(_KNOWN[str(code)], message or str(code))
    return Refusal(FailureCode.REFUSED, f"{code}: {message}")

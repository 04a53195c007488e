"""Says a threshold in sentences, for a person who asks which limits hold. Pure."""

from collections.abc import Iterator

from kurs.kernel.money import format_amount
from risk.domain.outcome import Outcome
from risk.domain.policy import (
    AmountLimit,
    ExposureLimit,
    NewAccount,
    Scope,
    Threshold,
    VelocityLimit,
)
from risk.domain.rules import duration

_BEYOND = {Outcome.REVIEW: "waits for a person", Outcome.DECLINE: "is declined"}
_MISSING = {
    Outcome.APPROVE: "Without a rate to compare by, it passes these limits.",
    Outcome.REVIEW: "Without a rate to compare by, it waits for a person.",
    Outcome.DECLINE: "Without a rate to compare by, it is declined.",
}


def scope_in_words(scope: Scope) -> str:
    """Return which payments a threshold is about."""
    parts = []
    if scope.currencies:
        parts.append(f"in {_listed(sorted(scope.currencies))}")
    if scope.corridors:
        ways = (f"from {paid} to {received}" for paid, received in sorted(scope.corridors))
        parts.append(_listed(list(ways)))
    return f"payments {' or '.join(parts)}" if parts else "every payment"


def limits_in_words(threshold: Threshold) -> list[str]:
    """Return each limit of a threshold as a sentence."""
    said = list(_limits(threshold))
    by_rate = any(v.max_amount is not None for v in threshold.velocity)
    if threshold.amount is not None or threshold.exposure is not None or by_rate:
        said.append(_MISSING[threshold.on_missing])
    return said


def _limits(threshold: Threshold) -> Iterator[str]:
    if threshold.amount is not None:
        yield from _amount(threshold.amount)
    for limit in threshold.velocity:
        yield _velocity(limit)
    if threshold.exposure is not None:
        yield _exposure(threshold.exposure)
    if threshold.new_account is not None:
        yield _new_account(threshold.new_account, threshold)
    if threshold.blocked:
        yield _blocked(len(threshold.blocked))


def _amount(limit: AmountLimit) -> Iterator[str]:
    yield f"A payment is at most {_money(limit.decline_above, limit.reference)}."
    if limit.review_above < limit.decline_above:
        yield f"Above {_money(limit.review_above, limit.reference)} it waits for a person."


def _velocity(limit: VelocityLimit) -> str:
    bounds = []
    if limit.max_count is not None:
        bounds.append("1 payment" if limit.max_count == 1 else f"{limit.max_count:,} payments")
    if limit.max_amount is not None:
        bounds.append(_money(limit.max_amount.maximum, limit.max_amount.reference))
    return (
        f"An account attempts at most {' and '.join(bounds)} within "
        f"{duration(limit.window_seconds)}; what is beyond {_BEYOND[limit.action]}."
    )


def _exposure(limit: ExposureLimit) -> str:
    most = _money(limit.maximum, limit.reference)
    return f"A merchant holds at most {most} open across currencies."


def _new_account(rule: NewAccount, threshold: Threshold) -> str:
    marks = threshold.marks
    return (
        f"An account younger than {duration(rule.max_age_seconds)} adds {rule.points} points: from "
        f"{marks.review} on a payment waits for a person, from {marks.decline} on it is declined."
    )


def _blocked(number: int) -> str:
    if number == 1:
        return "1 account neither pays nor is paid."
    return f"{number} accounts neither pay nor are paid."


def _money(minor: int, currency: str) -> str:
    whole, point, part = format_amount(minor, currency).partition(".")
    return f"{int(whole):,}{point}{part} {currency}"


def _listed(words: list[str]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))

"""The rules: each looks at one attempt and says what it found, with points and a reason."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from kurs.clock import MICROS
from kurs.money import format_amount
from risk.domain.attempt import Attempt
from risk.domain.outcome import MAX_SCORE, Outcome
from risk.domain.policy import AmountLimit, NewAccount, Policy, Threshold, VelocityLimit
from risk.domain.rates import Pair, RateTable
from risk.domain.velocity import NO_CURRENCIES, NOTHING, AccountUse, Use

SAME_PARTY = "same_party"
BLOCKLIST = "blocklist"
NEW_ACCOUNT = "new_account"
AMOUNT = "amount"
VELOCITY_COUNT = "velocity_count"
VELOCITY_AMOUNT = "velocity_amount"
MISSING_RATE = "missing_rate"
RULES = (
    SAME_PARTY, BLOCKLIST, NEW_ACCOUNT, AMOUNT, VELOCITY_COUNT, VELOCITY_AMOUNT, MISSING_RATE,
)  # fmt: skip
"""Every rule's name, as it stands in reasons and metrics."""

_ON_MISSING = {Outcome.APPROVE: "allow", Outcome.REVIEW: "review", Outcome.DECLINE: "decline"}


class Reason(NamedTuple):
    """What one rule found."""

    rule: str
    points: int
    message: str


def base_reasons(policy: Policy, attempt: Attempt) -> list[Reason]:
    """Return what the rules found that hold for every payment."""
    reasons = []
    if attempt.source_account == attempt.destination_account:
        reasons.append(Reason(SAME_PARTY, MAX_SCORE, "source and destination are one account"))
    if policy.blocked:
        reasons.extend(_blocklist(policy.blocked, attempt, "the blocklist"))
    return reasons


def threshold_reasons(
    threshold: Threshold, attempt: Attempt, use: AccountUse, rates: RateTable, now: int
) -> list[Reason]:
    """Return what the rules of one threshold found; `use` is what came before this attempt."""
    reasons: list[Reason] = []
    if threshold.blocked:
        reasons.extend(_blocklist(threshold.blocked, attempt, f"the blocklist of {threshold.name}"))
    if threshold.new_account is not None:
        reasons.extend(_new_account(threshold.new_account, attempt, now))
    missing: set[Pair] = set()
    if threshold.amount is not None:
        reasons.extend(_amount(threshold, threshold.amount, attempt, rates, missing))
    for limit in threshold.velocity:
        reasons.extend(_velocity(threshold, limit, attempt, use, rates, missing))
    if missing:
        reasons.append(_missing_rate(threshold, missing))
    return reasons


def _blocklist(blocked: frozenset[str], attempt: Attempt, listed: str) -> Iterator[Reason]:
    if attempt.source_account in blocked:
        yield Reason(BLOCKLIST, MAX_SCORE, f"the source account is on {listed}")
    if attempt.destination_account in blocked:
        yield Reason(BLOCKLIST, MAX_SCORE, f"the destination account is on {listed}")


def _new_account(rule: NewAccount, attempt: Attempt, now: int) -> Iterator[Reason]:
    opened = attempt.source_opened_at
    if opened is not None and now - opened < rule.max_age_seconds * MICROS:
        age = _duration(rule.max_age_seconds)
        yield Reason(NEW_ACCOUNT, rule.points, f"the source account is younger than {age}")


def _amount(
    threshold: Threshold,
    limit: AmountLimit,
    attempt: Attempt,
    rates: RateTable,
    missing: set[Pair],
) -> Iterator[Reason]:
    factor = rates.factor(attempt.currency, limit.reference)
    if factor is None:
        missing.add((attempt.currency, limit.reference))
        return
    amount = factor.convert(attempt.amount_minor)
    if amount > limit.decline_above:
        action, bound = Outcome.DECLINE, limit.decline_above
    elif amount > limit.review_above:
        action, bound = Outcome.REVIEW, limit.review_above
    else:
        return
    message = (
        f"{_money(amount, limit.reference)} is above the {action.word} limit "
        f"{_money(bound, limit.reference)} of {threshold.name}"
    )
    yield Reason(AMOUNT, threshold.marks.points(action), message)


def _velocity(
    threshold: Threshold,
    limit: VelocityLimit,
    attempt: Attempt,
    use: AccountUse,
    rates: RateTable,
    missing: set[Pair],
) -> Iterator[Reason]:
    used = {
        currency: seen
        for currency, seen in use.get(limit.window_seconds, NO_CURRENCIES).items()
        if threshold.scope.counts(currency)
    }
    used[attempt.currency] = used.get(attempt.currency, NOTHING).plus(attempt.amount_minor)
    if limit.max_count is not None:
        count = sum(seen.attempts for seen in used.values())
        if count > limit.max_count:
            message = f"{count} attempts, at most {limit.max_count} {_window(threshold, limit)}"
            yield Reason(VELOCITY_COUNT, threshold.marks.points(limit.action), message)
    if limit.max_amount is not None:
        reference, maximum = limit.max_amount.reference, limit.max_amount.maximum
        total = _total(used, reference, rates, missing)
        if total > maximum:
            message = (
                f"{_money(total, reference)} attempted, at most {_money(maximum, reference)} "
                f"{_window(threshold, limit)}"
            )
            yield Reason(VELOCITY_AMOUNT, threshold.marks.points(limit.action), message)


def _total(used: Mapping[str, Use], reference: str, rates: RateTable, missing: set[Pair]) -> int:
    total = 0
    for currency, seen in used.items():
        factor = rates.factor(currency, reference)
        if factor is None:
            missing.add((currency, reference))
        else:
            total += factor.convert(seen.amount)
    return total


def _missing_rate(threshold: Threshold, pairs: set[Pair]) -> Reason:
    named = ", ".join(f"{source} to {reference}" for source, reference in sorted(pairs))
    message = (
        f"no fresh rate for {named}: not every limit of {threshold.name} could be compared "
        f"(on missing data: {_ON_MISSING[threshold.on_missing]})"
    )
    return Reason(MISSING_RATE, threshold.marks.points(threshold.on_missing), message)


def _window(threshold: Threshold, limit: VelocityLimit) -> str:
    length = _duration(limit.window_seconds)
    return f"within {length} ({limit.action.word} by {limit.name} of {threshold.name})"


def _money(minor: int, currency: str) -> str:
    return f"{format_amount(minor, currency)} {currency}"


def _duration(seconds: int) -> str:
    for unit, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds % unit == 0 and seconds >= unit:
            number = seconds // unit
            return f"{number} {name}" if number == 1 else f"{number} {name}s"
    return f"{seconds} second" if seconds == 1 else f"{seconds} seconds"

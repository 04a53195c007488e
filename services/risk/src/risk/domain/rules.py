"""The rules: each looks at one case and says what it found, with points and a reason."""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from kurs.kernel.accounts import bare
from kurs.kernel.clock import MICROS
from kurs.kernel.money import format_amount
from kurs.quotes.rate_table import Pair, RateTable
from risk.domain.attempt import Attempt
from risk.domain.outcome import MAX_SCORE, Outcome
from risk.domain.policy import (
    AmountLimit,
    AmountSum,
    ExposureLimit,
    NewAccount,
    Policy,
    Threshold,
    VelocityLimit,
)
from risk.domain.velocity import NO_CURRENCIES, AccountUse

SAME_PARTY = "same_party"
BLOCKLIST = "blocklist"
NEW_ACCOUNT = "new_account"
AMOUNT = "amount"
VELOCITY_COUNT = "velocity_count"
VELOCITY_AMOUNT = "velocity_amount"
EXPOSURE = "exposure"
MISSING_RATE = "missing_rate"

_ON_MISSING = {Outcome.APPROVE: "allow", Outcome.REVIEW: "review", Outcome.DECLINE: "decline"}


class Case(NamedTuple):
    """What the rules look at: an attempt, what its account used before it, rates and the time.

    `now` is in microseconds since the epoch.
    """

    attempt: Attempt
    use: AccountUse
    rates: RateTable
    now: int


class Reason(NamedTuple):
    """What one rule found."""

    rule: str
    points: int
    message: str


def base_reasons(policy: Policy, attempt: Attempt) -> list[Reason]:
    """Return what the rules found that hold for every payment."""
    reasons = []
    if attempt.payer == attempt.payee:
        reasons.append(Reason(SAME_PARTY, MAX_SCORE, "source and destination are one account"))
    if policy.blocked:
        reasons.extend(_blocklist(policy.blocked, attempt, "the blocklist"))
    return reasons


def threshold_reasons(threshold: Threshold, case: Case) -> list[Reason]:
    """Return what the rules of one threshold found."""
    found: list[Reason | None] = []
    missing: set[Pair] = set()
    if threshold.blocked:
        found.extend(_blocklist(threshold.blocked, case.attempt, f"a list of {threshold.name}"))
    if threshold.new_account is not None:
        found.append(_new_account(threshold.new_account, case))
    if threshold.amount is not None:
        found.append(_amount(threshold, threshold.amount, case, missing))
    for limit in threshold.velocity:
        if limit.max_count is not None:
            found.append(_velocity_count(threshold, limit, limit.max_count, case))
        if limit.max_amount is not None:
            found.append(_velocity_amount(threshold, limit, limit.max_amount, case, missing))
    if threshold.exposure is not None and case.attempt.exposure:
        found.append(exposure_reason(threshold, threshold.exposure, case, missing))
    if missing:
        found.append(_missing_rate(threshold, missing))
    return [reason for reason in found if reason is not None]


def _blocklist(blocked: frozenset[str], attempt: Attempt, listed: str) -> Iterator[Reason]:
    """A listed name without a merchant is that of every merchant's account."""
    if attempt.payer in blocked or bare(attempt.payer) in blocked:
        yield Reason(BLOCKLIST, MAX_SCORE, f"the source account is on {listed}")
    if attempt.payee in blocked or bare(attempt.payee) in blocked:
        yield Reason(BLOCKLIST, MAX_SCORE, f"the destination account is on {listed}")


def _new_account(rule: NewAccount, case: Case) -> Reason | None:
    opened = case.attempt.source_opened_at
    if opened is None or case.now - opened >= rule.max_age_seconds * MICROS:
        return None
    return _younger(rule.max_age_seconds, rule.points)


@lru_cache(maxsize=256)
def _younger(seconds: int, points: int) -> Reason:
    return Reason(NEW_ACCOUNT, points, f"the source account is younger than {duration(seconds)}")


def _amount(
    threshold: Threshold, limit: AmountLimit, case: Case, missing: set[Pair]
) -> Reason | None:
    attempt = case.attempt
    factor = case.rates.factor(attempt.currency, limit.reference)
    if factor is None:
        missing.add((attempt.currency, limit.reference))
        return None
    amount = factor.convert(attempt.amount_minor)
    if amount <= limit.review_above:
        return None
    if amount > limit.decline_above:
        action, bound = Outcome.DECLINE, limit.decline_above
    else:
        action, bound = Outcome.REVIEW, limit.review_above
    message = (
        f"{_money(amount, limit.reference)} is above the {action.word} limit "
        f"{_money(bound, limit.reference)} of {threshold.name}"
    )
    return Reason(AMOUNT, threshold.marks.points(action), message)


def _velocity_count(
    threshold: Threshold, limit: VelocityLimit, maximum: int, case: Case
) -> Reason | None:
    count = 1
    counts = threshold.scope.counts
    for currency, (attempts, _) in case.use.get(limit.window_seconds, NO_CURRENCIES).items():
        if counts(currency):
            count += attempts
    if count <= maximum:
        return None
    message = f"{count} attempts, at most {maximum} {_window(threshold, limit)}"
    return Reason(VELOCITY_COUNT, threshold.marks.points(limit.action), message)


def _velocity_amount(
    threshold: Threshold, limit: VelocityLimit, most: AmountSum, case: Case, missing: set[Pair]
) -> Reason | None:
    attempt, reference = case.attempt, most.reference
    own = attempt.amount_minor
    sums = []
    counts = threshold.scope.counts
    for currency, (_, amount) in case.use.get(limit.window_seconds, NO_CURRENCIES).items():
        if currency == attempt.currency:
            own += amount
        elif counts(currency):
            sums.append((currency, amount))
    sums.append((attempt.currency, own))
    total = 0
    for currency, amount in sums:
        factor = case.rates.factor(currency, reference)
        if factor is None:
            missing.add((currency, reference))
        else:
            total += factor.convert(amount)
    if total <= most.maximum:
        return None
    message = (
        f"{_money(total, reference)} attempted, at most {_money(most.maximum, reference)} "
        f"{_window(threshold, limit)}"
    )
    return Reason(VELOCITY_AMOUNT, threshold.marks.points(limit.action), message)


def exposure_reason(
    threshold: Threshold, limit: ExposureLimit, case: Case, missing: set[Pair]
) -> Reason | None:
    """Return what is found if more is open than a limit allows; add the pairs without a rate."""
    total = 0
    for currency, amount in case.attempt.exposure:
        if not threshold.scope.counts(currency):
            continue
        factor = case.rates.factor(currency, limit.reference)
        if factor is None:
            missing.add((currency, limit.reference))
        else:
            total += factor.convert(amount)
    if total <= limit.maximum:
        return None
    message = f"more would be open across currencies than {threshold.name} allows at once"
    return Reason(EXPOSURE, threshold.marks.points(Outcome.DECLINE), message)


def _missing_rate(threshold: Threshold, pairs: set[Pair]) -> Reason:
    named = ", ".join(f"{source} to {reference}" for source, reference in sorted(pairs))
    message = (
        f"no fresh rate for {named}: not every limit of {threshold.name} could be compared "
        f"(on missing data: {_ON_MISSING[threshold.on_missing]})"
    )
    return Reason(MISSING_RATE, threshold.marks.points(threshold.on_missing), message)


def _window(threshold: Threshold, limit: VelocityLimit) -> str:
    length = duration(limit.window_seconds)
    return f"within {length} ({limit.action.word} by {limit.name} of {threshold.name})"


def _money(minor: int, currency: str) -> str:
    return f"{format_amount(minor, currency)} {currency}"


def duration(seconds: int) -> str:
    """Return a length of time in words."""
    for unit, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds % unit == 0 and seconds >= unit:
            number = seconds // unit
            return f"{number} {name}" if number == 1 else f"{number} {name}s"
    return f"{seconds} second" if seconds == 1 else f"{seconds} seconds"

"""Whether limits allow what a merchant holds open across currencies, for what is no payment."""

from kurs.quotes.rate_table import Pair, RateTable
from risk.domain.attempt import Attempt
from risk.domain.outcome import Outcome
from risk.domain.policy import Policy
from risk.domain.rules import Case, exposure_reason


def is_within(policy: Policy, attempt: Attempt, rates: RateTable, now: int) -> bool:
    """Tell whether no enforced threshold that covers `attempt` allows less than its exposure.

    Where a rate is missing, a limit is kept to unless its threshold declines then: nobody reviews.
    `now` is in microseconds.
    """
    case = Case(attempt, {}, rates, now)
    for threshold in policy.applicable(attempt, now):
        if threshold.shadow or threshold.exposure is None:
            continue
        missing: set[Pair] = set()
        if exposure_reason(threshold, threshold.exposure, case, missing) is not None:
            return False
        if missing and threshold.on_missing is Outcome.DECLINE:
            return False
    return True

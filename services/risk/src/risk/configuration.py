"""Turns the watched risk document into the policy that the rules read."""

from collections.abc import Iterator

from kurs.config.resources import (
    MAX_WINDOWS,
    Action,
    ConfiguredThreshold,
    OnMissingData,
    RiskDocument,
    RiskThresholdSpec,
)
from risk.domain.outcome import Marks, Outcome
from risk.domain.policy import (
    AmountLimit,
    AmountSum,
    ExposureLimit,
    NewAccount,
    Policy,
    Scope,
    Threshold,
    VelocityLimit,
)

_ACTIONS: dict[Action, Outcome] = {"Review": Outcome.REVIEW, "Decline": Outcome.DECLINE}
_ON_MISSING: dict[OnMissingData, Outcome] = {
    "Allow": Outcome.APPROVE,
    "Review": Outcome.REVIEW,
    "Decline": Outcome.DECLINE,
}


class Configuration:
    """Holds the policy in force, which a watcher replaces whole, and the document it came from."""

    def __init__(self, blocked: frozenset[str]) -> None:
        self._blocked = blocked
        self._policy: Policy | None = None
        self.document: RiskDocument | None = None

    def policy(self) -> Policy | None:
        """Return the policy in force, or None before the first document."""
        return self._policy

    def apply(self, document: RiskDocument) -> None:
        """Put a document in force; raises ValueError and keeps the old one when it cannot be."""
        self._policy = policy_of(document, self._blocked)
        self.document = document


def policy_of(document: RiskDocument, blocked: frozenset[str]) -> Policy:
    """Return the policy of a document; suspended thresholds are left out.

    `blocked` are the accounts that the settings block. Raises ValueError for more than
    MAX_WINDOWS different velocity windows.
    """
    thresholds = tuple(_limits(t) for t in document.payload.thresholds if not t.spec.suspend)
    policy = Policy(document.revision, thresholds, blocked)
    if len(policy.windows) > MAX_WINDOWS:
        raise ValueError(
            f"{len(policy.windows)} lengths of velocity windows; write at most {MAX_WINDOWS}"
        )
    return policy


def _limits(threshold: ConfiguredThreshold) -> Threshold:
    spec = threshold.spec
    new, listed = spec.new_account, spec.blocklist
    return Threshold(
        threshold.name,
        marks=Marks(spec.score.review, spec.score.decline),
        shadow=spec.mode == "Shadow",
        scope=_scope(spec),
        priority=spec.priority,
        amount=_amount(spec),
        velocity=tuple(_velocity(spec)),
        exposure=_exposure(spec),
        on_missing=_ON_MISSING[spec.on_missing_data],
        new_account=NewAccount(new.max_age, new.points) if new else None,
        blocked=frozenset(listed.accounts if listed else ()),
        effective_from=spec.effective_from,
        effective_until=spec.effective_until,
    )


def _scope(spec: RiskThresholdSpec) -> Scope:
    corridors = ((way.source, way.destination) for way in spec.scope.corridors)
    return Scope(frozenset(spec.scope.currencies), frozenset(corridors))


def _amount(spec: RiskThresholdSpec) -> AmountLimit | None:
    bounds = spec.per_payment
    if bounds is None:
        return None
    return AmountLimit(bounds.currency, bounds.review_above_minor, bounds.decline_above_minor)


def _exposure(spec: RiskThresholdSpec) -> ExposureLimit | None:
    bound = spec.exposure
    return None if bound is None else ExposureLimit(bound.currency, bound.max_minor)


def _velocity(spec: RiskThresholdSpec) -> Iterator[VelocityLimit]:
    for rule in spec.velocity:
        reference = spec.currency_of(rule)
        maximum = None
        if rule.max_amount_minor is not None and reference is not None:
            maximum = AmountSum(reference, rule.max_amount_minor)
        yield VelocityLimit(rule.name, rule.window, rule.max_count, maximum, _ACTIONS[rule.action])

"""What a risk document says, as the rules read it: thresholds in a fixed order."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from risk.domain.attempt import Attempt
from risk.domain.outcome import USUAL_MARKS, Marks, Outcome
from risk.domain.velocity import bucket_width


@dataclass(frozen=True, slots=True)
class Scope:
    """Which payments a threshold is about: those in a currency or along a corridor of it.

    A corridor is a pair of currencies, paid and received. A scope without any is everything.
    """

    currencies: frozenset[str] = frozenset()
    corridors: frozenset[tuple[str, str]] = frozenset()

    def counts(self, currency: str) -> bool:
        """Tell whether payments in `currency` can be in scope, whatever is received for them."""
        if currency in self.currencies or not (self.currencies or self.corridors):
            return True
        return any(paid == currency for paid, _ in self.corridors)

    def covers(self, currency: str, destination_currency: str | None) -> bool:
        """Tell whether a payment is in scope.

        While the received currency is not known, each corridor of the paid one is taken to be
        meant: a limit is never escaped by leaving a field out.
        """
        if not self.corridors or currency in self.currencies:
            return self.counts(currency)
        if destination_currency is None:
            return self.counts(currency)
        return (currency, destination_currency) in self.corridors


@dataclass(frozen=True, slots=True)
class AmountLimit:
    """Bounds of one payment, in minor units of `reference`.

    An amount above a bound asks for its action; an amount equal to it does not.
    """

    reference: str
    review_above: int
    decline_above: int


@dataclass(frozen=True, slots=True)
class AmountSum:
    """The most that may be attempted within a window, in minor units of `reference`."""

    reference: str
    maximum: int


@dataclass(frozen=True, slots=True)
class VelocityLimit:
    """What one source account may attempt within a sliding window.

    The attempt that is scored is counted, whatever its outcome.
    """

    name: str
    window_seconds: int
    max_count: int | None = None
    max_amount: AmountSum | None = None
    action: Outcome = Outcome.DECLINE


@dataclass(frozen=True, slots=True)
class ExposureLimit:
    """The most that a merchant may hold open across currencies, in minor units of `reference`."""

    reference: str
    maximum: int


@dataclass(frozen=True, slots=True)
class NewAccount:
    """Points for a source account younger than `max_age_seconds`."""

    max_age_seconds: int
    points: int


@dataclass(frozen=True, slots=True)
class Threshold:
    """One set of limits with its marks. Moments are in microseconds since the epoch."""

    name: str
    marks: Marks = USUAL_MARKS
    shadow: bool = False
    scope: Scope = Scope()
    priority: int = 0
    amount: AmountLimit | None = None
    velocity: tuple[VelocityLimit, ...] = ()
    exposure: ExposureLimit | None = None
    on_missing: Outcome = Outcome.REVIEW
    new_account: NewAccount | None = None
    blocked: frozenset[str] = frozenset()
    effective_from: int | None = None
    effective_until: int | None = None

    @property
    def conditional(self) -> bool:
        """Whether more than the currency decides if it applies to a payment."""
        timed = self.effective_from is not None or self.effective_until is not None
        return timed or bool(self.scope.corridors)

    def active(self, now: int) -> bool:
        """Tell whether `now` lies from `effective_from` up to, not including, `effective_until`."""
        if self.effective_from is not None and now < self.effective_from:
            return False
        return self.effective_until is None or now < self.effective_until


BUILT_IN = Threshold("built-in", new_account=NewAccount(max_age_seconds=86_400, points=20))
"""What decides where no enforced threshold applies."""


@dataclass(frozen=True, slots=True)
class CurrencyPlan:
    """What a payment in one currency needs, worked out once per document."""

    thresholds: tuple[tuple[Threshold, bool], ...]
    """Those whose scope may cover it, in their reported order; whether each is conditional."""
    windows: tuple[int, ...]
    widths: tuple[int, ...]


@dataclass(frozen=True)
class Policy:
    """One immutable snapshot of all rules.

    `blocked` accounts neither pay nor are paid, whatever the thresholds say.
    """

    revision: str
    thresholds: tuple[Threshold, ...] = ()
    blocked: frozenset[str] = frozenset()
    _plans: dict[str, CurrencyPlan] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def ordered(self) -> tuple[Threshold, ...]:
        """Return the thresholds as they are reported: highest priority first, then by name."""
        return tuple(sorted(self.thresholds, key=lambda t: (-t.priority, t.name)))

    @cached_property
    def windows(self) -> tuple[int, ...]:
        """Return the length in seconds of every velocity window, each once."""
        return _windows(self.thresholds)

    def plan(self, currency: str) -> CurrencyPlan:
        """Return what applies to payments in `currency`, whatever the time.

        A threshold that is not yet in force is counted for, so that its windows are full when it
        begins.
        """
        plan = self._plans.get(currency)
        if plan is None:
            thresholds = tuple(t for t in self.ordered if t.scope.counts(currency))
            windows = _windows(thresholds)
            widths = tuple(sorted({bucket_width(w) for w in windows}))
            listed = tuple((t, t.conditional) for t in thresholds)
            plan = self._plans[currency] = CurrencyPlan(listed, windows, widths)
        return plan

    def applicable(self, attempt: Attempt, now: int) -> Iterator[Threshold]:
        """Yield the thresholds that are in force for `attempt`, in their reported order."""
        received = attempt.destination_currency
        for threshold, conditional in self.plan(attempt.currency).thresholds:
            if not conditional or (
                threshold.active(now) and threshold.scope.covers(attempt.currency, received)
            ):
                yield threshold


def _windows(thresholds: tuple[Threshold, ...]) -> tuple[int, ...]:
    return tuple(sorted({v.window_seconds for t in thresholds for v in t.velocity}))

"""The limits by which thresholds decline, and whether an approved one is still stated. Pure."""

from collections.abc import Iterable, Iterator

from kurs.config.resources import RiskThresholdSpec, Scope
from kurs.kernel.clock import from_rfc3339, to_rfc3339
from kurs_operator.conditions import ApprovedLimit

_LOOSER = 2
"""How many times an approved bound is still that limit."""
_STRICTNESS = ("Allow", "Review", "Decline")
"""What becomes of a payment without the rate that a limit needs, the strictest last."""


def limits_of(spec: RiskThresholdSpec) -> tuple[ApprovedLimit, ...]:
    """Return the limits by which a spec declines, none in Shadow."""
    if spec.mode == "Shadow":
        return ()
    until = None if spec.effective_until is None else to_rfc3339(spec.effective_until)
    common = {"scope": spec.scope, "until": until}
    return tuple(limit.model_copy(update=common) for limit in _bounds(spec))


def _bounds(spec: RiskThresholdSpec) -> Iterator[ApprovedLimit]:
    every, missing = Scope(), spec.on_missing_data
    if spec.per_payment is not None:
        yield ApprovedLimit(
            scope=every,
            currency=spec.per_payment.currency,
            bound=spec.per_payment.decline_above_minor,
            on_missing_data=missing,
        )
    if spec.exposure is not None:
        yield ApprovedLimit(
            scope=every,
            exposure=True,
            currency=spec.exposure.currency,
            bound=spec.exposure.max_minor,
            on_missing_data=missing,
        )
    for rule in spec.velocity:
        if rule.action != "Decline":
            continue
        if rule.max_count is not None:
            yield ApprovedLimit(scope=every, window=rule.window, bound=rule.max_count)
        if rule.max_amount_minor is not None:
            yield ApprovedLimit(
                scope=every,
                window=rule.window,
                currency=spec.currency_of(rule),
                bound=rule.max_amount_minor,
                on_missing_data=missing,
            )


def is_stated(approved: ApprovedLimit, stated: Iterable[ApprovedLimit]) -> bool:
    """Tell whether `stated` limits are no looser than an approved one, for all of its scope."""
    near = [limit.scope for limit in stated if _is_near(limit, approved)]
    return all(any(_covers(scope, part) for scope in near) for part in _parts(approved.scope))


def is_known(limit: ApprovedLimit, approved: Iterable[ApprovedLimit]) -> bool:
    """Tell whether there is an approval, of whatever bound, for all that a limit is about."""
    alike = [known.scope for known in approved if _subject(known) == _subject(limit)]
    return all(any(_covers(scope, part) for scope in alike) for part in _parts(limit.scope))


def is_over(limit: ApprovedLimit, now: int) -> bool:
    """Tell whether a limit has ended by its own time, `now` in microseconds."""
    return limit.until is not None and from_rfc3339(limit.until) <= now


def described(limit: ApprovedLimit) -> str:
    """Return a limit in words."""
    what = f"{limit.bound} minor units of {limit.currency}" if limit.currency else str(limit.bound)
    within = f" within {limit.window} s" if limit.window else ""
    held = " held open by a merchant" if limit.exposure else ""
    missing = limit.on_missing_data
    unknown = f", {missing} without a rate" if missing else ""
    return f"declines above {what}{within}{held}{unknown}"


def _subject(limit: ApprovedLimit) -> tuple[object, ...]:
    return limit.currency, limit.window, limit.exposure


def _is_near(limit: ApprovedLimit, approved: ApprovedLimit) -> bool:
    if (limit.currency, limit.exposure) != (approved.currency, approved.exposure):
        return False
    if (limit.window is None) != (approved.window is None):
        return False
    lasts = limit.until is None or (
        approved.until is not None and from_rfc3339(limit.until) >= from_rfc3339(approved.until)
    )
    long_enough = (limit.window or 0) >= (approved.window or 0)
    strict = _strictness(limit) >= _strictness(approved)
    return lasts and long_enough and strict and limit.bound <= _LOOSER * approved.bound


def _strictness(limit: ApprovedLimit) -> int:
    return _STRICTNESS.index(limit.on_missing_data or _STRICTNESS[0])


def _parts(scope: Scope) -> list[Scope]:
    """Return the single currencies and corridors of a scope; the scope itself if it is open."""
    single = [Scope(currencies=(currency,)) for currency in scope.currencies]
    return single + [Scope(corridors=(corridor,)) for corridor in scope.corridors] or [scope]


def _covers(scope: Scope, part: Scope) -> bool:
    if not scope.currencies and not scope.corridors:
        return True
    if part.currencies:
        return part.currencies[0] in scope.currencies
    if part.corridors:
        corridor = part.corridors[0]
        return corridor in scope.corridors or corridor.source in scope.currencies
    return False

"""The limits by which thresholds decline or review, and whether an approved one is stated. Pure."""

from collections.abc import Iterable, Iterator

from kurs.config.resources import Action, RiskThresholdSpec, Scope
from kurs.kernel.clock import from_rfc3339, to_rfc3339
from kurs_operator.conditions import ApprovedLimit
from kurs_operator.loosening import is_looser


def limits_of(spec: RiskThresholdSpec, action: Action = "Decline") -> tuple[ApprovedLimit, ...]:
    """Return the limits by which a spec declines, or reviews; none in Shadow."""
    if spec.mode == "Shadow":
        return ()
    common = {"scope": spec.scope, "until": until_of(spec)}
    return tuple(limit.model_copy(update=common) for limit in _bounds(spec, action))


def until_of(spec: RiskThresholdSpec) -> str | None:
    """Return when a threshold ends by its own time."""
    return None if spec.effective_until is None else to_rfc3339(spec.effective_until)


def _bounds(spec: RiskThresholdSpec, action: Action) -> Iterator[ApprovedLimit]:
    every, missing = Scope(), spec.on_missing_data
    if (one := spec.per_payment) is not None:
        yield ApprovedLimit(
            scope=every,
            currency=one.currency,
            bound=one.decline_above_minor if action == "Decline" else one.review_above_minor,
            on_missing_data=missing,
        )
    if spec.exposure is not None and action == "Decline":
        yield ApprovedLimit(
            scope=every,
            exposure=True,
            currency=spec.exposure.currency,
            bound=spec.exposure.max_minor,
            on_missing_data=missing,
        )
    for rule in spec.velocity:
        if rule.action != action:
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
    return is_covered(approved.scope, near)


def takes_place(
    approved: ApprovedLimit, stated: Iterable[ApprovedLimit], known: Iterable[ApprovedLimit]
) -> bool:
    """Tell whether limits of the same kind and scope that are not `known` are laxer."""
    alike = [limit for limit in stated if _kind(limit) == _kind(approved)]
    new = not any(_kind(limit) == _kind(approved) for limit in known)
    return bool(alike) and new and not is_stated(approved, alike)


def _kind(limit: ApprovedLimit) -> tuple[object, ...]:
    return limit.scope, limit.exposure, limit.window is None


def is_known(limit: ApprovedLimit, approved: Iterable[ApprovedLimit]) -> bool:
    """Tell whether there is an approval, of whatever bound, for all that a limit is about."""
    alike = [known.scope for known in approved if _subject(known) == _subject(limit)]
    return is_covered(limit.scope, alike)


def is_over(until: str | None, now: int) -> bool:
    """Tell whether what was approved has ended by its own time, `now` in microseconds."""
    return until is not None and from_rfc3339(until) <= now


def lasts(until: str | None, approved: str | None) -> bool:
    """Tell whether what ends at one moment lasts as long as what ends at the other."""
    was, now = (float("inf") if end is None else from_rfc3339(end) for end in (approved, until))
    return not is_looser("RiskThresholdSpec.effectiveUntil", was, now)


def is_covered(scope: Scope, by: Iterable[Scope]) -> bool:
    """Tell whether each payment of a scope is one of those scopes'."""
    scopes = list(by)
    return all(any(_covers(one, part) for one in scopes) for part in parts(scope))


def described(limit: ApprovedLimit, action: Action = "Decline") -> str:
    """Return a limit in words."""
    what = f"{limit.bound} minor units of {limit.currency}" if limit.currency else str(limit.bound)
    within = f" within {limit.window} s" if limit.window else ""
    held = " held open by a merchant" if limit.exposure else ""
    missing = limit.on_missing_data
    unknown = f", {missing} without a rate" if missing else ""
    return f"{action.lower()}s above {what}{within}{held}{unknown}"


def _subject(limit: ApprovedLimit) -> tuple[object, ...]:
    return limit.currency, limit.window, limit.exposure


def _is_near(limit: ApprovedLimit, approved: ApprovedLimit) -> bool:
    if (limit.currency, limit.exposure) != (approved.currency, approved.exposure):
        return False
    if (limit.window is None) != (approved.window is None):
        return False
    missing = (limit.on_missing_data or "Allow" for limit in (approved, limit))
    return (
        lasts(limit.until, approved.until)
        and not is_looser("RiskThresholdSpec.onMissingData", *missing)
        and not is_looser("Velocity.window", approved.window, limit.window)
        and not is_looser(_field(approved), approved.bound, limit.bound)
    )


def _field(limit: ApprovedLimit) -> str:
    if limit.window is not None:
        return "Velocity.maxAmountMinor" if limit.currency else "Velocity.maxCount"
    return "Exposure.maxMinor" if limit.exposure else "PerPayment.declineAboveMinor"


def parts(scope: Scope) -> list[Scope]:
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

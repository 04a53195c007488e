"""When two resources in force contradict each other. Pure; the order between them is given.

Rate sources: a lower priority is a fallback and no conflict. Two sources of one priority that
quote the same pair are, since nothing that their author wrote says which one to ask.

Thresholds: one Enforce threshold judges a payment, so two of one priority whose scopes overlap are
a conflict, and so is one that could never judge anything, because a single threshold before it
covers its whole scope. Shadow thresholds never decide and so never conflict.
"""

from kurs.resources import FXRateSourceSpec, RiskThresholdSpec


def rate_source_conflict(first: FXRateSourceSpec, second: FXRateSourceSpec) -> str | None:
    """Say on what `second` contradicts `first`, which comes before it; None when it does not."""
    if first.priority != second.priority:
        return None
    shared = _shared_pair(first, second)
    if shared is None:
        return None
    return (
        f"both quote {shared} at priority {first.priority}; "
        "give one another spec.priority to make it the fallback"
    )


def threshold_conflict(first: RiskThresholdSpec, second: RiskThresholdSpec) -> str | None:
    """Say on what `second` contradicts `first`, which comes before it; None when it does not."""
    if "Shadow" in (first.mode, second.mode):
        return None
    if first.priority == second.priority and first.scope.overlaps(second.scope):
        return (
            f"both judge some payments at priority {first.priority}; "
            "give the narrower one a higher spec.priority"
        )
    if first.scope.contains(second.scope):
        return (
            f"its whole scope is judged before it, at priority {first.priority}; "
            f"raise spec.priority above {first.priority} or narrow the other scope"
        )
    return None


def _shared_pair(first: FXRateSourceSpec, second: FXRateSourceSpec) -> str | None:
    if first.base_currency != second.base_currency:
        # A pair and its inverse are one pair, so these two meet only between their bases.
        if first.serves(second.base_currency) and second.serves(first.base_currency):
            return f"{first.base_currency}/{second.base_currency}"
        return None
    quotes = sorted(_named_quotes(first) | _named_quotes(second))
    for quote in quotes:
        if first.serves(quote) and second.serves(quote):
            return f"{first.base_currency}/{quote}"
    both_open = _is_open(first) and _is_open(second)
    return f"any quote of {first.base_currency}" if both_open else None


def _named_quotes(spec: FXRateSourceSpec) -> set[str]:
    return {pair.quote for pair in spec.pairs} | set(spec.inline_rates or ())


def _is_open(spec: FXRateSourceSpec) -> bool:
    """Whether the source serves quotes that only its answers name."""
    return spec.inline_rates is None and spec.default_spread_bps is not None

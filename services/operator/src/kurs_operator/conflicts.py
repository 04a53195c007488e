"""When two resources in force contradict each other. Pure; the order between them is given.

Rate sources: a lower priority is a fallback and no conflict. Two sources of one priority that
quote the same pair are, since nothing that their author wrote says which one to ask.

Thresholds: all that cover a payment judge it, and the strictest decides, so an overlap is none.
Two Enforce thresholds of the same scope that state the same limit are: the one of higher priority
replaces the other, which is how a limit is loosened for a while. Shadow thresholds never decide
and so never conflict.
"""

from kurs.resources import FXRateSourceSpec, RiskThresholdSpec, Scope


def rate_source_conflict(first: FXRateSourceSpec, second: FXRateSourceSpec) -> str | None:
    """Say on what `second` contradicts `first`, which comes before it; None when it does not."""
    if first.priority != second.priority:
        return None
    shared = shared_pair(first, second)
    if shared is None:
        return None
    return (
        f"both quote {shared} at priority {first.priority}; "
        "give one another spec.priority to make it the fallback"
    )


def threshold_conflict(first: RiskThresholdSpec, second: RiskThresholdSpec) -> str | None:
    """Say on what `second` contradicts `first`, which comes before it; None when it does not."""
    if "Shadow" in (first.mode, second.mode) or not _same_scope(first.scope, second.scope):
        return None
    shared = sorted(_limits(first) & _limits(second))
    if not shared:
        return None
    return (
        f"both state {', '.join(shared)} for the same scope; "
        "keep it in one of them, or give them different scopes"
    )


def shared_pair(first: FXRateSourceSpec, second: FXRateSourceSpec) -> str | None:
    """Return a pair that both quote, as far as their specs tell, or None."""
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


def _same_scope(first: Scope, second: Scope) -> bool:
    return set(first.currencies) == set(second.currencies) and set(first.corridors) == set(
        second.corridors
    )


def _limits(spec: RiskThresholdSpec) -> set[str]:
    """Return the limits that a spec states; accounts on blocklists simply add up."""
    limits = {f"velocity {rule.name}" for rule in spec.velocity}
    if spec.per_payment is not None:
        limits.add("perPayment")
    if spec.new_account is not None:
        limits.add("newAccount")
    return limits

"""When two resources in force contradict each other. Pure; the order between them is given.

Rate sources: a lower priority is a fallback and no conflict. Two sources of one priority that
quote the same pair are, since nothing that their author wrote says which one to ask.

Thresholds: all that cover a payment judge it, and the strictest decides, so an overlap is none.
Two Enforce thresholds of the same scope that state the same limit are: the one of higher priority
replaces the other, which is how a limit is loosened for a while. Shadow thresholds never decide
and so never conflict.
"""

from dataclasses import dataclass

from kurs.config.resources import FXRateSourceSpec, RiskThresholdSpec


@dataclass(frozen=True, slots=True)
class RateClaim:
    """What a rate source quotes, as far as its spec tells, worked out once.

    `quotes` are served for certain; `is_open` means that its answers may name more.
    """

    base: str
    priority: int
    quotes: frozenset[str]
    is_open: bool

    def serves(self, quote: str) -> bool:
        """Tell whether `quote` may be quoted."""
        return quote in self.quotes or (self.is_open and quote != self.base)


@dataclass(frozen=True, slots=True)
class LimitClaim:
    """Which limits an Enforce threshold states, and for which payments."""

    scope: tuple[frozenset[object], ...]
    limits: frozenset[str]


Claim = RateClaim | LimitClaim


def claim_of(spec: FXRateSourceSpec | RiskThresholdSpec) -> Claim:
    """Return what a spec claims for itself."""
    if isinstance(spec, RiskThresholdSpec):
        scope = (frozenset(spec.scope.currencies), frozenset(spec.scope.corridors))
        return LimitClaim(scope, frozenset() if spec.mode == "Shadow" else _limits(spec))
    named = {pair.quote for pair in spec.pairs}
    is_open, inline = spec.default_spread_bps is not None, spec.of_type.inline
    quotes = named if inline is None else {q for q in inline if is_open or q in named}
    return RateClaim(spec.base_currency, spec.priority, frozenset(quotes), is_open and not inline)


def conflict(first: Claim | None, second: Claim | None) -> str | None:
    """Say on what `second` contradicts `first`, which comes before it; None when it does not."""
    if isinstance(first, RateClaim) and isinstance(second, RateClaim):
        return _rate_source_conflict(first, second)
    if isinstance(first, LimitClaim) and isinstance(second, LimitClaim):
        return _threshold_conflict(first, second)
    return None


def shared_pair(first: RateClaim, second: RateClaim) -> str | None:
    """Return a pair that both quote, as far as their specs tell, or None."""
    if first.base != second.base:
        # A pair and its inverse are one pair, so these two meet only between their bases.
        if first.serves(second.base) and second.serves(first.base):
            return f"{first.base}/{second.base}"
        return None
    both = first.quotes & second.quotes
    both |= first.quotes if second.is_open else frozenset()
    both |= second.quotes if first.is_open else frozenset()
    if both:
        return f"{first.base}/{min(both)}"
    return f"any quote of {first.base}" if first.is_open and second.is_open else None


def _rate_source_conflict(first: RateClaim, second: RateClaim) -> str | None:
    if first.priority != second.priority:
        return None
    shared = shared_pair(first, second)
    if shared is None:
        return None
    return (
        f"both quote {shared} at priority {first.priority}; "
        "give one another spec.priority to make it the fallback"
    )


def _threshold_conflict(first: LimitClaim, second: LimitClaim) -> str | None:
    shared = first.limits & second.limits
    if not shared or first.scope != second.scope:
        return None
    return (
        f"both state {', '.join(sorted(shared))} for the same scope; "
        "keep it in one of them, or give them different scopes"
    )


def _limits(spec: RiskThresholdSpec) -> frozenset[str]:
    """Return the limits that a spec states; accounts on blocklists simply add up."""
    limits = {f"velocity {rule.name}" for rule in spec.velocity}
    if spec.per_payment is not None:
        limits.add("perPayment")
    if spec.exposure is not None:
        limits.add("exposure")
    if spec.new_account is not None:
        limits.add("newAccount")
    return frozenset(limits)

"""What holds the rates of a source, and where it is laxer than what was approved. Pure."""

from collections.abc import Iterator

from kurs.config.resources import FXRateSourceSpec
from kurs_operator.conditions import MAX_QUOTES, ApprovedAge, ApprovedTerms
from kurs_operator.loosening import is_looser
from kurs_operator.pairs import ANY, serves

_FIELDS = (
    ("FXRateSourceSpec.type", "type"),
    ("FXRateSourceSpec.onStale", "on_stale"),
    ("FXRateSourceSpec.maxDeviationBps", "max_deviation_bps"),
    ("FXRateSourceSpec.maxDeviationFromNextBps", "max_deviation_from_next_bps"),
    ("FXRateSourceSpec.allowInsecure", "allow_insecure"),
    ("HttpRates.asOfPath", "dated"),
    ("HttpRates.basePath", "checks_base"),
)


def terms_of(spec: FXRateSourceSpec) -> ApprovedTerms:
    """Return the terms of a spec."""
    known = serves(spec)
    listed = known if ANY not in known else (spec.base_currency, *(p.quote for p in spec.pairs))
    return ApprovedTerms(
        type=spec.type,
        max_age=spec.max_age,
        pairs=tuple(ApprovedAge(quote=one, max_age=spec.max_age_for(one)) for one in listed),
        others=ANY in known,
        serves=known,
        max_deviation_bps=spec.max_deviation_bps,
        max_deviation_from_next_bps=spec.deviation_from_next_bps,
        on_stale=spec.on_stale,
        allow_insecure=spec.allow_insecure,
        dated=spec.of_type.dated,
        checks_base=spec.of_type.checks_base,
    )


def looser(was: ApprovedTerms, now: ApprovedTerms) -> Iterator[str]:
    """Yield in words where terms are looser than approved ones."""
    for field, name in _FIELDS:
        before, after = getattr(was, name), getattr(now, name)
        if is_looser(field, before, after):
            yield f"its {_shown(field, before)} became {_shown(field, after, named=False)}"
    for quote, before, after in _ages(was, now):
        if is_looser("FXRateSourceSpec.maxAge", before, after):
            yield f"its maxAge{quote} of {before} s became {after} s"


def merged(was: ApprovedTerms, now: ApprovedTerms) -> ApprovedTerms:
    """Return what is approved when `now` comes into force without a ticket, being no looser.

    To be stricter does not take an approval back; what was not bounded or not served is new. What
    is served is what it is: a pair that was left, and comes again, is new.
    """
    known = {age.quote for age in was.pairs}
    added = tuple(age for age in now.pairs if age.quote not in known)
    bound = now.max_deviation_bps if was.max_deviation_bps is None else was.max_deviation_bps
    return was.model_copy(
        update={
            "pairs": (*was.pairs, *added)[:MAX_QUOTES],
            "others": was.others or now.others,
            "serves": now.serves,
            "max_deviation_bps": bound,
            "allow_insecure": was.allow_insecure and now.allow_insecure,
            "dated": was.dated or now.dated,
            "checks_base": was.checks_base or now.checks_base,
        }
    )


def _ages(was: ApprovedTerms, now: ApprovedTerms) -> Iterator[tuple[str, int, int]]:
    """Yield the ages of what both served."""
    yield "", was.max_age, now.max_age
    before, after = ({age.quote: age.max_age for age in terms.pairs} for terms in (was, now))
    for quote in sorted({*before, *after}):
        old = before.get(quote, was.max_age if was.others else None)
        new = after.get(quote, now.max_age if now.others else None)
        if old is not None and new is not None:
            yield f" for {quote}", old, new


def _shown(field: str, value: object, *, named: bool = True) -> str:
    if value is None:
        return "none"
    return f"{field.rpartition('.')[2]} {value}" if named else str(value)

"""Whatever whoever may edit does, and in whichever order: without a ticket nothing is laxer."""

from itertools import permutations
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.operator.bench import Bench
from tests.operator.builders import threshold
from tests.operator.test_approved_rates import provider, static

NAMES = st.sampled_from(["first", "second", "third"])
PRIORITIES = st.sampled_from([50, 100, 900])
SCOPES = st.sampled_from([[], ["IDR"], ["USD"], ["IDR", "USD"]])
BOUNDS = st.sampled_from([100, 150, 200, 300, 400, 800, 10**12])


def one_limit(name: str, priority: int, scope: list[str], bound: int | None) -> dict[str, Any]:
    bounds = {"currency": "USD", "reviewAboveMinor": 1, "declineAboveMinor": bound}
    per_payment = bounds if bound else None
    return threshold(name, priority=priority, scope={"currencies": scope}, perPayment=per_payment)


LIMITS = st.lists(
    st.builds(one_limit, NAMES, PRIORITIES, SCOPES, st.none() | BOUNDS), min_size=1, max_size=9
)


def bound_on(bench: Bench, currency: str) -> float:
    """Return above what a payment of a currency is declined."""
    return min(
        (
            part.spec.per_payment.decline_above_minor
            for part in bench.documents[1].payload.thresholds
            if part.spec.per_payment
            and (not part.spec.scope.currencies or currency in part.spec.scope.currencies)
        ),
        default=float("inf"),
    )


@settings(max_examples=60)
@given(LIMITS)
def test_a_limit_is_never_more_than_doubled(edits: list[dict[str, Any]]):
    bench = Bench()
    bench.apply(one_limit("first", 100, [], 100))
    for edit in edits:
        bench.apply(edit)
        assert max(bound_on(bench, currency) for currency in ("IDR", "USD", "JPY")) <= 200


def one_source(name: str, priority: int, currencies: list[str], **spec: Any) -> dict[str, Any]:
    return static(name, *currencies, priority=priority, **spec)


def one_provider(priority: int, quotes: list[str], **spec: Any) -> dict[str, Any]:
    pairs = [{"quote": quote, "spreadBps": 1} for quote in quotes]
    return provider(priority=priority, pairs=pairs, **spec)


SUSPENDED = st.fixed_dictionaries({"suspend": st.booleans()})
SOURCES = st.lists(
    st.builds(
        lambda *drawn: one_source(*drawn[:3], **drawn[3]),
        NAMES,
        PRIORITIES,
        st.lists(st.sampled_from(["USD", "IDR", "XOF"]), min_size=2, unique=True),
        SUSPENDED,
    )
    | st.builds(
        lambda *drawn: one_provider(*drawn[:2], **drawn[2]),
        PRIORITIES,
        st.lists(st.sampled_from(["IDR", "SGD"]), min_size=1, unique=True),
        SUSPENDED,
    ),
    min_size=1,
    max_size=9,
)


def sold(bench: Bench) -> set[str]:
    """Return who has a part in a rate between dollars and rupiah."""
    parts = bench.documents[0].payload.rate_sources
    has = {p.name: {p.spec.base_currency, *(q.quote for q in p.spec.pairs)} for p in parts}
    bases = {p.name: p.spec.base_currency for p in parts}
    ends = {"USD", "IDR"}
    found = {name for name, currencies in has.items() if ends <= currencies}
    for one, other in permutations(has, 2):
        joints = {bases[one], bases[other]} & has[one] & has[other] - ends
        if "USD" in has[one] and "IDR" in has[other] and joints:
            found |= {one, other}
    return found


@settings(max_examples=60)
@given(SOURCES)
def test_no_rate_that_a_person_wrote_takes_the_place_of_a_provider(edits: list[dict[str, Any]]):
    bench = Bench()
    bench.apply(provider())
    bench.pass_a_day()
    for edit in edits:
        bench.apply(edit)
        assert sold(bench) <= {"bank"}

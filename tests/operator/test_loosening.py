"""Nothing that can be edited is judged nowhere, and what is looser asks for a ticket, no more."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.operator.builders import NOW, resource
from tests.operator.looser import limits_are_looser, rates_are_looser

from kurs.config.resources import FXRateSourceSpec, RiskThresholdSpec
from kurs_operator.approvals import compile_approved
from kurs_operator.loosening import WAYS, Way, is_looser
from kurs_operator.ruling import Reason
from kurs_operator.settings import CHANGE_TICKET

TICKET = re.compile(CHANGE_TICKET)
WINDOWS = st.sampled_from(["60s", "600s", "3600s", "7200s"])
BOUNDS = st.sampled_from([1, 99, 100, 200, 201, 400])


def fields(model: type[FXRateSourceSpec] | type[RiskThresholdSpec]) -> set[str]:
    schema = model.model_json_schema(by_alias=True)
    parts = {model.__name__: schema, **schema.get("$defs", {})}
    return {f"{name}.{field}" for name, part in parts.items() for field in part["properties"]}


def test_every_field_says_which_way_it_is_looser_or_why_it_is_not():
    assert set(WAYS) == fields(FXRateSourceSpec) | fields(RiskThresholdSpec)


@pytest.mark.parametrize("field", [f for f, way in WAYS.items() if way is Way.LAXER])
def test_the_order_of_a_choice_names_every_value(field: str):
    model, name = field.split(".")
    models = (FXRateSourceSpec, RiskThresholdSpec)
    schemas = [m.model_json_schema(by_alias=True) for m in models]
    parts = {m.__name__: s for m, s in zip(models, schemas, strict=True)}
    parts |= {k: part for schema in schemas for k, part in schema.get("$defs", {}).items()}

    for value in parts[model]["properties"][name]["enum"]:
        assert not is_looser(field, value, value)


def asks(before: Mapping[str, Any], after: Mapping[str, Any], kind: str) -> bool:
    """Bring one spec into force and edit it to the other; return whether a ticket is asked for."""
    approvals, documents, ruling = {}, (), None
    for generation, spec in enumerate((before, after), 1):
        content = resource(kind, "it", spec, {"uid": "u", "generation": generation})
        found = compile_approved([content], approvals, documents, now=NOW, ticket=TICKET)
        approvals, documents = found.approvals, tuple(found.compilation.documents.values())
        ruling = found.refused.get("u")
        assert generation > 1 or ruling is None
    assert ruling is None or ruling.reason is Reason.TICKET_REQUIRED
    return ruling is not None


def optional(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def mapping(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Draw a mapping without the members that are None."""
    drawn = st.fixed_dictionaries(members)
    return drawn.map(lambda m: {name: value for name, value in m.items() if value is not None})


@st.composite
def edits(draw: st.DrawFn, specs: st.SearchStrategy[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Draw a spec, and what an edit of one field or of all makes of it."""
    before, other = draw(specs), draw(specs)
    names = sorted({*before, *other} - {"type"})
    edited = draw(st.just(set(names)) | st.sampled_from(names).map(lambda name: {name}))
    kept = {name: value for name, value in before.items() if name not in edited}
    return before, kept | {name: value for name, value in other.items() if name in edited}


PAIRS = st.lists(
    mapping(
        quote=st.sampled_from(["IDR", "SGD", "JPY"]), spreadBps=BOUNDS, maxAge=optional(WINDOWS)
    ),
    unique_by=lambda pair: pair["quote"],
    min_size=1,
)
TERMS = {
    "pairs": PAIRS,
    "defaultSpreadBps": optional(BOUNDS),
    "refreshInterval": st.just("60s"),
    "maxAge": WINDOWS,
    "maxDeviationBps": optional(BOUNDS),
    "maxDeviationFromNextBps": optional(BOUNDS),
    "onStale": st.sampled_from(["Reject", "NextSource", "UseLastKnown"]),
    "allowInsecure": st.booleans(),
    "priority": BOUNDS,
    "baseCurrency": st.just("USD"),
}
HTTP = mapping(
    type=st.just("HTTP"),
    http=mapping(
        url=st.sampled_from(["https://one.example/", "https://other.example/"]),
        format=st.just("JSON"),
        ratesPath=st.sampled_from(["rates", "data"]),
        asOfPath=optional(st.just("date")),
        basePath=optional(st.just("base")),
    ),
    **TERMS,
)
STATIC = mapping(
    type=st.just("Static"),
    static=mapping(
        rates=st.fixed_dictionaries(
            dict.fromkeys(("IDR", "SGD", "JPY"), st.sampled_from(["1", "2.5", "900000000"]))
        ),
        asOf=optional(st.sampled_from(["2026-01-01T00:00:00Z", "2025-06-01T00:00:00Z"])),
    ),
    **TERMS,
)


@given(edits(HTTP) | edits(STATIC))
def test_a_rate_source_asks_for_a_ticket_when_any_field_is_looser_and_only_then(specs):
    assert asks(*specs, "FXRateSource") == rates_are_looser(*specs)


CURRENCIES = st.sampled_from(["USD", "EUR"])
PER_PAYMENT = st.tuples(CURRENCIES, BOUNDS, BOUNDS).map(
    lambda drawn: {
        "currency": drawn[0],
        "reviewAboveMinor": min(drawn[1:]),
        "declineAboveMinor": max(drawn[1:]),
    }
)
RULE = mapping(
    name=st.sampled_from(["one", "two", "three"]),
    window=WINDOWS,
    maxCount=BOUNDS,
    maxAmountMinor=optional(BOUNDS),
    currency=CURRENCIES,
    action=st.sampled_from(["Review", "Decline"]),
).map(lambda r: r if "maxAmountMinor" in r else {k: v for k, v in r.items() if k != "currency"})
SCORE = st.lists(st.sampled_from([10, 50, 80, 90]), min_size=2, max_size=2).map(
    lambda marks: {"review": min(marks), "decline": max(marks)}
)
ACCOUNTS = st.sampled_from(["shop/a", "shop/b", "other/a", "a", "b"])
THRESHOLD = mapping(
    scope=mapping(currencies=st.lists(st.sampled_from(["USD", "IDR"]), unique=True)),
    priority=BOUNDS,
    perPayment=optional(PER_PAYMENT),
    velocity=st.lists(RULE, max_size=3, unique_by=lambda rule: rule["name"]),
    exposure=optional(mapping(currency=CURRENCIES, maxMinor=BOUNDS)),
    newAccount=optional(mapping(maxAge=WINDOWS, points=st.sampled_from([0, 10, 20]))),
    blocklist=optional(mapping(accounts=st.lists(ACCOUNTS, unique=True, min_size=1))),
    score=SCORE,
    onMissingData=st.sampled_from(["Decline", "Review", "Allow"]),
)


@given(edits(THRESHOLD))
def test_a_threshold_asks_for_a_ticket_when_any_field_is_looser_and_only_then(specs):
    assert asks(*specs, "RiskThreshold") == limits_are_looser(*specs)

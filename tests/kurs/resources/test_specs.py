"""What a spec answers about itself, and that it is frozen, closed and bounded throughout."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from kurs.config.resources import (
    API_VERSION,
    FXRateSourceSpec,
    InvalidResource,
    RiskThresholdSpec,
    expression_for,
    parse_resource,
)

BOUNDS = {"maxLength", "maximum", "enum", "const", "maxItems", "maxProperties"}


def fx_spec(**changes: Any) -> FXRateSourceSpec:
    content = {
        "type": "Static",
        "baseCurrency": "USD",
        "static": {"rates": {"IDR": "15845.50", "SGD": "1.3421", "JPY": "155.2"}},
        "pairs": [
            {"quote": "IDR", "spreadBps": 25, "maxAge": "5m"},
            {"quote": "SGD", "spreadBps": 30},
        ],
        "refreshInterval": "1m",
        "maxAge": "1h",
    }
    return FXRateSourceSpec.model_validate({**content, **changes})


def open_feed(**changes: Any) -> FXRateSourceSpec:
    http = {"url": "https://rates.example.org/a", "format": "JSON", "ratesPath": "rates"}
    content = {"type": "HTTP", "baseCurrency": "USD", "http": http, "defaultSpreadBps": 40}
    return FXRateSourceSpec.model_validate({**content, **changes})


def test_a_listed_pair_has_its_own_spread_and_age():
    spec = fx_spec(defaultSpreadBps=40)

    assert (spec.spread_for("IDR"), spec.max_age_for("IDR")) == (25, 300)
    assert (spec.spread_for("SGD"), spec.max_age_for("SGD")) == (30, 3600)


def test_the_default_spread_opens_the_other_quotes():
    assert fx_spec().serves("JPY") is False
    assert fx_spec(defaultSpreadBps=40).serves("JPY") is True
    assert fx_spec(defaultSpreadBps=40).spread_for("JPY") == 40


def test_a_source_with_its_own_rates_serves_no_other_quote():
    assert fx_spec(defaultSpreadBps=40).serves("EUR") is False


def test_a_feed_may_serve_any_quote_but_its_base():
    assert open_feed().serves("EUR") is True
    assert open_feed().serves("USD") is False


def test_placeholders_are_filled_in():
    assert expression_for("quotes.{base}{quote}.mid", "USD", "IDR") == "quotes.USDIDR.mid"


def test_a_velocity_amount_counts_in_the_currency_of_the_bounds_unless_it_names_one():
    rule = {"name": "daily", "window": "24h", "maxAmountMinor": 5, "action": "Review"}
    bounds = {"currency": "USD", "reviewAboveMinor": 1, "declineAboveMinor": 2}
    spec = RiskThresholdSpec.model_validate(
        {"perPayment": bounds, "velocity": [rule, {**rule, "name": "eur", "currency": "EUR"}]}
    )

    assert [spec.currency_of(rule) for rule in spec.velocity] == ["USD", "EUR"]


def test_a_spec_cannot_be_changed():
    spec = fx_spec()

    with pytest.raises(ValidationError, match="frozen"):
        spec.priority = 5  # type: ignore[misc]


def test_names_are_read_in_camel_case_only():
    with pytest.raises(ValidationError):
        FXRateSourceSpec.model_validate(
            {"type": "Static", "base_currency": "USD", "static": {"rates": {"IDR": "1"}}}
        )


def test_a_misspelt_field_is_answered_with_the_right_one():
    content = {
        "apiVersion": API_VERSION,
        "kind": "RiskThreshold",
        "metadata": {"name": "limits"},
        "spec": {"scope": {"corridors": [{"from": "USD", "two": "IDR", "to": "IDR"}]}},
    }

    with pytest.raises(InvalidResource) as refusal:
        parse_resource(content)

    [error] = refusal.value.errors
    assert error.field == "spec.scope.corridors[0].two"
    assert error.hint == "did you mean to?"


@pytest.mark.parametrize("content", [None, [], "text", 7, {"kind": ["FXRateSource"]}])
def test_what_is_no_resource_is_refused(content: object):
    with pytest.raises(InvalidResource):
        parse_resource(content)


@pytest.mark.parametrize(
    "url",
    ["https://user:s3cret@h/", "https://user:s3/cret@h", "https://u:s3cret@[::1", "s3cret://h"],
)
def test_a_refused_url_does_not_repeat_its_secret(url: str):
    http = {"url": url, "format": "JSON", "ratesPath": "rates"}
    content = {
        "apiVersion": API_VERSION,
        "kind": "FXRateSource",
        "metadata": {"name": "feed"},
        "spec": {"type": "HTTP", "baseCurrency": "USD", "http": http, "defaultSpreadBps": 1},
    }

    with pytest.raises(InvalidResource) as refusal:
        parse_resource(content)

    assert "s3" not in str(refusal.value)


@pytest.mark.parametrize("spec", [FXRateSourceSpec, RiskThresholdSpec])
def test_every_string_list_and_number_of_a_spec_is_bounded(spec: type[FXRateSourceSpec]):
    # The API server estimates the cost of a CEL rule by these bounds and refuses a CRD without.
    unbounded = [path for path, node in leaves(spec.model_json_schema()) if not BOUNDS & set(node)]

    assert unbounded == []


def leaves(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the nodes that need a bound: strings, lists, open mappings and numbers."""
    if isinstance(schema, list):
        schema = dict(enumerate(schema))
    if not isinstance(schema, dict):
        return
    if schema.get("type") in ("string", "integer", "array") or isinstance(
        schema.get("additionalProperties"), dict
    ):
        yield path, schema
    for name, node in schema.items():
        yield from leaves(node, f"{path}/{name}")

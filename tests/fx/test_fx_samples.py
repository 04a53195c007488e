"""The sample rate sources: they are valid, and price what the gateway is shown with."""

from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from fx.domain.pricing import destination_for
from fx.domain.rates import SourceRates
from fx.domain.table import RateTable
from fx.sources.build import source_of, terms_of
from fx.sources.policy import FetchPolicy
from kurs.config.resources import FXRateSource, parse_resource
from kurs.config.secrets import Secrets
from kurs.kernel.clock import from_rfc3339

SAMPLES = Path(__file__).parents[2] / "k8s" / "samples"
NOW = from_rfc3339("2026-11-24T06:25:29Z")


def sample(name: str) -> FXRateSource:
    resource = parse_resource(yaml.safe_load((SAMPLES / f"{name}.yaml").read_text()))
    assert isinstance(resource, FXRateSource)
    return resource


def rates_of(resource: FXRateSource) -> SourceRates:
    source = source_of(resource.spec, FetchPolicy(), Secrets(Path("/nowhere"), {}))
    return SourceRates(terms_of(resource.metadata.name, resource.spec), source.read(NOW) or {})


@pytest.fixture(scope="module")
def table() -> RateTable:
    names = ("fx-ecb-static", "fx-simulated", "fx-usd-pegs")
    return RateTable([rates_of(sample(name)) for name in names])


def test_the_banks_day_has_thirty_currencies_and_says_its_date() -> None:
    spec = sample("fx-ecb-static").spec

    assert spec.static is not None
    assert len({*spec.static.rates, spec.base_currency}) >= 30
    assert spec.static.as_of == from_rfc3339("2026-10-30T00:00:00Z")
    assert spec.static.rates["USD"] == Decimal("1.1172")


def test_the_simulation_comes_before_the_day_and_stays_near_it(table: RateTable) -> None:
    live, still = table.candidates("USD", "IDR")[:2]

    assert (live.source, still.source) == ("simulated", "ecb-static")
    assert abs(live.mid / still.mid - 1) < Decimal("0.01")


@pytest.mark.parametrize(
    ("source", "destination"),
    [("USD", "IDR"), ("IDR", "SGD"), ("JPY", "KRW"), ("GBP", "BHD"), ("OMR", "JPY"),
     ("JOD", "BHD"), ("ISK", "THB")],
)  # fmt: skip
def test_currencies_of_every_number_of_decimals_convert(
    table: RateTable, source: str, destination: str
) -> None:
    pair = table.select(source, destination, NOW)

    assert destination_for(pair, 1_000_000) > 0


def test_the_live_feed_waits_for_whoever_switches_it_on() -> None:
    spec = sample("fx-ecb-daily").spec

    assert spec.suspend
    assert spec.http is not None
    assert spec.http.format == "ECB"

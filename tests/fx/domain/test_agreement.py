"""A mid far from the next source's is not sold, whoever wrote it, unless an approval says so."""

from collections.abc import Callable
from typing import Any

import pytest

from fx.domain.agreement import agreed
from fx.domain.rates import SourceRates
from fx.domain.table import RateTable
from kurs.kernel.clock import MICROS
from kurs_testing.clock import ManualClock

Build = Callable[..., SourceRates]
ECB = {"USD": "1.1", "IDR": "17000", "SGD": "1.4"}


def asked(clock: ManualClock, *sources: SourceRates, pair: tuple[str, str] = ("USD", "IDR")) -> str:
    """Return whose rate of a pair is sold."""
    kept, _ = agreed(sources, clock.now())
    return RateTable(kept).select(*pair, clock.now()).source


def test_an_absurd_rate_of_high_priority_is_not_sold(source_rates: Build, clock: ManualClock):
    ecb = source_rates("ecb", "EUR", ECB, priority=100)
    desk = source_rates("desk", "USD", {"IDR": "900000000"}, priority=1000)

    _, doubts = agreed([ecb, desk], clock.now())

    assert asked(clock, ecb, desk) == "ecb"
    [doubt] = doubts["desk"]
    assert (doubt.currency, doubt.judge, doubt.allowed_bps) == ("IDR", "ecb", 500)
    assert "without a changeTicket" in str(doubt)


@pytest.mark.parametrize(
    ("mid", "seller"), [("16227", "desk"), ("16229", "ecb"), ("14719", "desk"), ("14717", "ecb")]
)
def test_five_percent_either_way_is_near(
    source_rates: Build, clock: ManualClock, mid: str, seller: str
):
    ecb = source_rates("ecb", "EUR", ECB)
    desk = source_rates("desk", "USD", {"IDR": mid}, priority=1)

    assert asked(clock, ecb, desk) == seller


def test_an_approval_sets_another_bound(source_rates: Build, clock: ManualClock):
    ecb = source_rates("ecb", "EUR", ECB)
    desk = source_rates("d", "USD", {"IDR": "17000"}, priority=1, max_deviation_from_next_bps=1001)

    assert asked(clock, ecb, desk) == "d"


@pytest.mark.parametrize(
    "mids", [{"USD": "1", "IDR": "900000000"}, {"USD": "1", "SGD": "1.27", "IDR": "900000000"}]
)
def test_a_base_that_nobody_else_knows_hides_nothing(
    source_rates: Build, clock: ManualClock, mids: dict[str, str]
):
    ecb = source_rates("ecb", "EUR", ECB)
    desk = source_rates("desk", "BHD", mids, priority=1)

    assert asked(clock, ecb, desk) == "ecb"


def test_an_absurd_rate_is_no_leg_of_another_pair(source_rates: Build, clock: ManualClock):
    ecb = source_rates("ecb", "EUR", {**ECB, "BHD": "0.41"}, priority=1)
    desk = source_rates("desk", "USD", {"IDR": "900000000", "OMR": "0.385"}, priority=9)

    kept, _ = agreed([ecb, desk], clock.now())
    pair = RateTable(kept).select("OMR", "IDR", clock.now())

    assert pair.source == "desk+ecb"
    assert pair.mid < 50_000


def test_two_that_lie_alike_do_not_vouch_for_each_other(source_rates: Build, clock: ManualClock):
    ecb = source_rates("ecb", "EUR", ECB, publishes=True)
    lies = [source_rates(f"desk-{n}", "USD", {"IDR": "900000000"}, priority=n) for n in (900, 901)]

    assert asked(clock, ecb, *lies) == "ecb"


def test_what_a_person_wrote_judges_no_publisher(source_rates: Build, clock: ManualClock):
    bank = source_rates("bank", "EUR", ECB, priority=9, publishes=True)
    wrong = source_rates("desk", "USD", {"IDR": "1"}, priority=1)

    assert asked(clock, bank, wrong) == "bank"


def test_a_publisher_that_another_confirms_stays(source_rates: Build, clock: ManualClock):
    sources = [
        source_rates("first", "EUR", ECB, priority=9, publishes=True),
        source_rates("second", "EUR", ECB, priority=8, publishes=True),
        source_rates("odd", "USD", {"IDR": "1"}, priority=7, publishes=True),
    ]

    assert asked(clock, *sources) == "first"
    assert asked(clock, sources[0], sources[2]) == "odd"


def test_what_is_stale_or_out_of_force_judges_nobody(source_rates: Build, clock: ManualClock):
    desk = source_rates("desk", "USD", {"IDR": "16000"}, priority=9)
    for other in (
        source_rates("old", "EUR", {"USD": "1.1", "IDR": "1"}, age=4000),
        source_rates("over", "USD", {"IDR": "1"}, effective_until=clock.now()),
        source_rates("coming", "USD", {"IDR": "1"}, effective_from=clock.now() + MICROS),
        source_rates("apart", "EUR", {"IDR": "1"}),
    ):
        assert asked(clock, desk, other) == "desk"


def test_the_smallest_and_the_largest_rates_are_compared(source_rates: Build, clock: ManualClock):
    high = source_rates("high", "USD", {"IDR": "999999999999"}, priority=9)
    low = source_rates("low", "IDR", {"USD": "999999999999"})

    assert asked(clock, high, low) == "low"


async def test_it_is_ill_in_reports_rates_and_metrics(
    unconfigured: Any, document: Any, static_spec: Any
) -> None:
    absurd = static_spec(priority=1000, baseCurrency="USD", static={"rates": {"IDR": "900000000"}})
    unconfigured.write(document(ecb=static_spec(), desk=absurd))
    async with unconfigured.running() as fx:
        assert (await fx.get("/rate", base="USD", quote="IDR")).json()["source"] == "ecb"
        [report] = [r for r in fx.board.reports() if r.name == "desk"]
        assert (report.healthy, report.reason) == (False, "far_from_next")
        assert "bps from ecb" in str(report.error)
        text = (await fx.get("/metrics")).body.decode()
        assert 'kurs_fx_source_healthy{source="desk"} 0.0' in text
        counted = 'kurs_fx_source_rejections_total{reason="far_from_next",source="desk"} 1.0'
        assert counted in text
        await fx.refresh()
        assert counted in (await fx.get("/metrics")).body.decode()

        approved = {**absurd, "maxDeviationFromNextBps": 100_000, "changeTicket": "CHG-1"}
        fx.board.apply(document(ecb=static_spec(), desk=approved))
        assert fx.board.reports()[0].healthy is False


def test_a_rate_too_small_to_be_written_is_far_from_any_but_its_like(
    source_rates: Build, clock: ManualClock
):
    dust = {"USD": "0", "IDR": "17000"}
    desk = source_rates("desk", "EUR", dust, priority=1)

    _, doubts = agreed([source_rates("ecb", "EUR", ECB), desk], clock.now())
    _, none = agreed([source_rates("ecb", "EUR", dust), desk], clock.now())

    assert [doubt.currency for doubt in doubts["desk"]] == ["USD"]
    assert not none

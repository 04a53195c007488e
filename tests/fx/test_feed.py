"""A source at work: health, rejections, retries, and that a fault tells nothing of the answer."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pytest

from fx.domain.rates import Observation
from fx.feed import Feed
from fx.metrics import FxMetrics
from fx.sources import SourceError, SourceFault
from fx.sources.pace import FIRST_RETRY, LONGEST_RETRY
from kurs.config.resources import ConfiguredSource, FXRateSourceSpec
from kurs.kernel.clock import MICROS
from kurs.telemetry import Telemetry
from kurs_testing.clock import ManualClock


class Scripted:
    """A far source that gives the answers a test puts in, one after another."""

    def __init__(self, clock: ManualClock, *answers: Any) -> None:
        self._clock = clock
        self.answers = list(answers)

    def read(self, _: int) -> None:
        return

    async def fetch(self, now: int) -> Mapping[str, Observation]:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return {c: Observation(Decimal(mid), now) for c, mid in answer.items()}

    def next_after(self, now: int) -> int:
        return now + 3600 * MICROS


@pytest.fixture
def make_feed(
    clock: ManualClock, telemetry: Telemetry, static_spec: Callable[..., Any]
) -> Callable[..., Feed]:
    def build(*answers: Any, **terms: Any) -> Feed:
        spec = static_spec(
            pairs=[{"quote": c, "spreadBps": 10} for c in ("USD", "IDR")],
            defaultSpreadBps=None,
            **terms,
        )
        return Feed(
            ConfiguredSource(name="scripted", spec=FXRateSourceSpec.model_validate(spec)),
            Scripted(clock, *answers),
            clock=clock,
            telemetry=telemetry,
            metrics=FxMetrics(telemetry),
            changed=lambda: None,
            last={},
        )

    return build


GOOD = {"USD": "1.1", "IDR": "20000"}


def mids(feed: Feed) -> dict[str, str]:
    return {currency: str(seen.mid) for currency, seen in feed.rates.observed.items()}


async def test_a_far_source_is_unhealthy_until_it_answers(make_feed: Callable[..., Feed]) -> None:
    feed = make_feed(GOOD)

    assert (feed.healthy, feed.error, feed.as_of) == (False, "has not answered yet", None)
    await feed.refresh()
    assert (feed.healthy, feed.error) == (True, None)
    assert mids(feed) == GOOD


async def test_a_jump_by_half_is_refused_with_the_reason_and_the_source_is_unhealthy(
    make_feed: Callable[..., Feed], telemetry: Telemetry, clock: ManualClock
) -> None:
    feed = make_feed(GOOD, {"USD": "1.65", "IDR": "20010"}, maxDeviationBps=500)
    await feed.refresh()
    clock.advance(seconds=60)
    await feed.refresh()

    assert feed.error == "USD: moved 5000 bps from 1.1; maxDeviationBps is 500"
    assert mids(feed) == {"USD": "1.1", "IDR": "20010"}
    assert feed.as_of == clock.now() - 60 * MICROS
    value = telemetry.registry.get_sample_value
    labels = {"source": "scripted", "reason": "deviation"}
    assert value("kurs_fx_source_rejections_total", labels) == 1
    assert value("kurs_fx_refresh_total", {"source": "scripted", "result": "partial"}) == 1


async def test_it_is_well_again_when_the_rate_comes_back(make_feed: Callable[..., Feed]) -> None:
    feed = make_feed(GOOD, {"USD": "1.65", "IDR": "20000"}, GOOD, maxDeviationBps=500)
    for _ in range(3):
        await feed.refresh()

    assert feed.healthy


async def test_a_rate_of_zero_is_refused(make_feed: Callable[..., Feed]) -> None:
    feed = make_feed(GOOD, {"USD": "0", "IDR": "20001"})
    await feed.refresh()
    await feed.refresh()

    assert feed.error == "USD: the rate is not above zero"
    assert mids(feed) == {"USD": "1.1", "IDR": "20001"}


async def test_a_failure_keeps_the_last_good_rates(
    make_feed: Callable[..., Feed], telemetry: Telemetry
) -> None:
    feed = make_feed(GOOD, SourceError(SourceFault.TIMEOUT, "did not answer"))
    await feed.refresh()
    await feed.refresh()

    assert feed.error == "did not answer"
    assert mids(feed) == GOOD
    value = telemetry.registry.get_sample_value
    assert (
        value("kurs_fx_source_rejections_total", {"source": "scripted", "reason": "timeout"}) == 1
    )
    assert value("kurs_fx_refresh_total", {"source": "scripted", "result": "failed"}) == 1


async def test_an_unforeseen_error_says_its_kind_and_no_more(
    make_feed: Callable[..., Feed],
) -> None:
    feed = make_feed(RuntimeError("body was: password=hunter2"))

    await feed.refresh()

    assert feed.error == "unexpected RuntimeError"


async def test_health_is_logged_when_it_turns_and_not_at_each_refresh(
    make_feed: Callable[..., Feed], monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [SourceError(SourceFault.STATUS, f"answered status 50{i}") for i in range(3)]
    feed = make_feed(*failures, GOOD, GOOD)
    lines: list[tuple[str, dict[str, Any]]] = []

    class Log:
        def warning(self, event: str, **more: Any) -> None:
            lines.append((event, more))

        info = warning

    monkeypatch.setattr(feed, "_logger", Log())
    for _ in range(5):
        await feed.refresh()

    assert lines == [
        ("rate source unhealthy", {"source": "scripted", "error": "answered status 500"}),
        ("rate source healthy", {"source": "scripted"}),
    ]


async def test_a_failed_source_is_asked_again_soon_then_ever_later(
    make_feed: Callable[..., Feed],
) -> None:
    broken = [SourceError(SourceFault.TIMEOUT, "did not answer")] * 12
    feed = make_feed(*broken, GOOD)
    delays = []
    for _ in broken:
        await feed.refresh()
        delays.append(feed.delay())
    await feed.refresh()

    assert delays[:4] == [FIRST_RETRY, 2 * FIRST_RETRY, 4 * FIRST_RETRY, 8 * FIRST_RETRY]
    assert delays[-1] == LONGEST_RETRY
    assert feed.delay() == 3600 * MICROS


@pytest.mark.parametrize("wait", ["7200", "Thu, 01 Jan 2026 02:00:00 GMT"])
async def test_a_provider_that_asks_to_be_left_alone_is_left_alone(
    make_feed: Callable[..., Feed], clock: ManualClock, wait: str
) -> None:
    feed = make_feed(SourceError(SourceFault.STATUS, "answered status 503", retry_after=wait), GOOD)
    before = clock.now()
    await feed.refresh()
    asked = feed.not_before - before

    assert feed.delay() == asked > 3600 * MICROS
    await feed.refresh()
    assert feed.delay() == 3600 * MICROS


async def test_a_refusal_is_not_repeated_faster_than_the_interval(
    make_feed: Callable[..., Feed],
) -> None:
    refused = SourceError(SourceFault.STATUS, "answered status 401", asks_less=True)
    feed = make_feed(refused)
    await feed.refresh()

    assert feed.delay() == 3600 * MICROS

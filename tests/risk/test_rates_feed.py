"""Rates come from fx in the background; risk knows when it has none that it may use."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.risk.harness import FX, RiskApp, fx_app, limits, risk_app, risk_document

from kurs_testing.asgi import AsgiTransport, FaultKind
from kurs_testing.clock import ManualClock
from kurs_testing.waiting import eventually

# One euro is 1.25 dollars or 20,000 rupiah, so the limit of a dollar is 16,000 rupiah.
DOCUMENT = risk_document(
    standard={"perPayment": limits(1_00, 10_00, "USD"), "onMissingData": "Decline"}
)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def transport(tmp_path: Path, clock: ManualClock) -> AsgiTransport:
    return AsgiTransport({FX: fx_app(tmp_path / "fx", clock)})


@pytest.fixture
async def risk(
    sqlite_url: str, tmp_path: Path, clock: ManualClock, transport: AsgiTransport
) -> AsyncIterator[RiskApp]:
    """A risk beside fx, whose rates are an hour old at most."""
    async with risk_app(
        sqlite_url,
        tmp_path / "config",
        DOCUMENT,
        clock=clock,
        transport=transport,
        rates_max_age_seconds=60,
    ) as app:
        yield app


async def _has_rates(risk: RiskApp) -> bool:
    return bool((await risk.get("/readyz")).json()["rates"])


async def _refreshed(risk: RiskApp, result: str) -> None:
    series = f'kurs_risk_rates_refresh_total{{result="{result}"}}'
    seen = await risk.metric(series)

    async def again() -> bool:
        # The one under way when this began may have started before what the test did.
        return await risk.metric(series) >= seen + 2

    await eventually(again)


async def _score(risk: RiskApp, amount: str, currency: str = "IDR") -> tuple[str, list[str]]:
    answer = await risk.score(amount=amount, currency=currency)
    return answer["decision"], [r["rule"] for r in answer["reasons"]]


async def test_limits_are_compared_by_the_rates_of_fx(risk: RiskApp) -> None:
    await eventually(lambda: _has_rates(risk))

    assert await _score(risk, "16000.00") == ("approve", [])
    assert await _score(risk, "16000.01") == ("review", ["amount", "threshold"])
    assert await _score(risk, "160000.01") == ("decline", ["amount", "threshold"])


async def test_a_currency_that_fx_does_not_quote_is_missing_data(risk: RiskApp) -> None:
    await eventually(lambda: _has_rates(risk))

    assert await _score(risk, "1.00", "CHF") == ("decline", ["missing_rate", "threshold"])


async def test_stale_rates_are_missing_data(risk: RiskApp, clock: ManualClock) -> None:
    await eventually(lambda: _has_rates(risk))
    clock.advance(seconds=3601)
    await _refreshed(risk, "ok")

    assert await _score(risk, "1.00") == ("decline", ["missing_rate", "threshold"])
    assert await _score(risk, "0.50", "USD") == ("approve", [])


async def test_while_fx_is_away_its_last_rates_hold_for_a_while(
    risk: RiskApp, clock: ManualClock, transport: AsgiTransport
) -> None:
    await eventually(lambda: _has_rates(risk))
    transport.inject(FX, FaultKind.UNREACHABLE)
    await _refreshed(risk, "failed")
    clock.advance(seconds=60)
    within = await _score(risk, "16000.00")
    clock.advance(seconds=1)
    beyond = await _score(risk, "16000.00")
    age = await risk.metric("kurs_risk_rates_age_seconds")

    assert within == ("approve", [])
    assert beyond == ("decline", ["missing_rate", "threshold"])
    assert age == 61
    assert (await risk.get("/readyz")).status_code == 200


async def test_risk_works_before_fx_has_ever_answered(sqlite_url: str, tmp_path: Path) -> None:
    async with risk_app(sqlite_url, tmp_path / "config", DOCUMENT) as risk:
        await _refreshed(risk, "failed")

        assert await _score(risk, "0.50", "USD") == ("approve", [])
        assert await _score(risk, "1.00") == ("decline", ["missing_rate", "threshold"])


async def test_the_first_rates_are_asked_for_in_haste(
    sqlite_url: str, tmp_path: Path, clock: ManualClock, transport: AsgiTransport
) -> None:
    transport.inject(FX, FaultKind.UNREACHABLE)
    apart = {"clock": clock, "transport": transport, "rates_poll_seconds": 3600.0}
    async with risk_app(sqlite_url, tmp_path / "config", DOCUMENT, **apart) as risk:
        await eventually(lambda: _failed(risk))
        transport.heal(FX)

        await eventually(lambda: _has_rates(risk))


async def _failed(risk: RiskApp) -> bool:
    return await risk.metric('kurs_risk_rates_refresh_total{result="failed"}') > 0


async def test_a_new_process_is_not_ready_before_its_first_rates(
    sqlite_url: str, tmp_path: Path, clock: ManualClock, transport: AsgiTransport
) -> None:
    transport.inject(FX, FaultKind.UNREACHABLE)
    apart = {"clock": clock, "transport": transport, "rates_grace_seconds": 3600.0}
    async with risk_app(sqlite_url, tmp_path / "config", DOCUMENT, **apart) as risk:
        await _refreshed(risk, "failed")
        early = await risk.get("/readyz")
        transport.heal(FX)
        await eventually(lambda: _has_rates(risk))
        later = await risk.get("/readyz")

    assert (early.status_code, early.json()["checks"]["rates_settled"]) == (503, False)
    assert later.status_code == 200

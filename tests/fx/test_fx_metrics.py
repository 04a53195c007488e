"""What fx measures, and that its labels stay few."""

from typing import Any

ORDER = {"source_currency": "EUR", "destination_currency": "IDR", "source_amount": "100.00"}


def value(telemetry: Any, name: str, **labels: str) -> float | None:
    found: float | None = telemetry.registry.get_sample_value(name, labels)
    return found


async def test_rates_ages_and_health_are_true_when_they_are_read(fx: Any, telemetry: Any) -> None:
    fx.clock.advance(seconds=90)

    assert value(telemetry, "kurs_fx_rate", base="EUR", quote="USD", source="ecb") == 1.0837
    assert value(telemetry, "kurs_fx_rate_age_seconds", base="EUR", quote="USD", source="ecb") == 90
    assert value(telemetry, "kurs_fx_source_healthy", source="ecb") == 1
    assert value(telemetry, "kurs_fx_refresh_total", source="ecb", result="ok") == 1


async def test_a_source_that_leaves_takes_its_gauges_with_it(
    fx: Any, telemetry: Any, document: Any, static_spec: Any
) -> None:
    fx.board.apply(document(other=static_spec()))

    pair = {"base": "EUR", "quote": "USD"}
    assert value(telemetry, "kurs_fx_rate_age_seconds", **pair, source="ecb") is None
    assert value(telemetry, "kurs_fx_rate_age_seconds", **pair, source="other") == 0


async def test_quotes_are_counted_by_result(fx: Any, telemetry: Any) -> None:
    await fx.post("/quotes", ORDER)
    await fx.post("/quotes", {**ORDER, "destination_currency": "KWD"})

    assert value(telemetry, "kurs_fx_quotes_total", result="quoted") == 1
    assert value(telemetry, "kurs_fx_quotes_total", result="pair_not_supported") == 1


async def test_what_the_promise_of_fresh_rates_counts_is_there_before_the_first_quote(
    fx: Any, telemetry: Any
) -> None:
    assert value(telemetry, "kurs_fx_quotes_total", result="quoted") == 0
    assert value(telemetry, "kurs_fx_quotes_total", result="stale_rate") == 0


async def test_quotes_are_counted_by_pair_and_source(fx: Any, telemetry: Any) -> None:
    await fx.post("/quotes", ORDER)

    pair = {"base": "EUR", "quote": "IDR", "source": "ecb"}
    assert value(telemetry, "kurs_fx_quotes_priced_total", **pair) == 1


async def test_each_rate_tells_how_old_it_may_become(fx: Any, telemetry: Any) -> None:
    pair = {"base": "EUR", "quote": "USD", "source": "ecb"}
    assert value(telemetry, "kurs_fx_rate_max_age_seconds", **pair) == 3600


async def test_no_request_can_make_a_new_series(fx: Any, telemetry: Any) -> None:
    def series() -> set[tuple[str, tuple[tuple[str, str], ...]]]:
        return {
            (sample.name, tuple(sorted(sample.labels.items())))
            for metric in telemetry.registry.collect()
            for sample in metric.samples
            if sample.name.startswith("kurs_fx_rate")
        }

    before = series()
    for currency in ("KWD", "JPY", "USD"):
        await fx.get("/rate", base=currency, quote="IDR")
        await fx.post("/quotes", {**ORDER, "destination_currency": currency})

    assert series() == before

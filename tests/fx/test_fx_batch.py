"""Quotes for many payments at once: each item stands or falls alone."""

from collections.abc import Callable
from typing import Any

import pytest

from kurs.quotes.token import Quote
from kurs_testing.problems import assert_problem

ORDER = {"source_currency": "EUR", "destination_currency": "IDR", "source_amount": "100.00"}
ITEM = {"merchant": "shop", **ORDER}


async def results(fx: Any, *items: dict[str, Any]) -> list[dict[str, Any]]:
    response = await fx.post("/quotes/batch", {"items": list(items)})
    assert response.status == 200
    answers: list[dict[str, Any]] = response.json()["results"]
    return answers


async def test_items_are_answered_in_their_order_as_single_quotes_are(
    fx: Any, verify: Callable[[str], Quote]
) -> None:
    back = {
        **ITEM,
        "source_amount": None,
        "source_currency": "JPY",
        "destination_currency": "EUR",
        "destination_amount": "5",
    }
    many = await results(fx, ITEM, back, ITEM)
    single = (await fx.post("/quotes", ORDER)).json()

    assert [r["status"] for r in many] == ["quoted"] * 3
    assert [r["destination_amount"] for r in many] == ["1692726.83", "5.00", "1692726.83"]
    assert set(many[0]) == {*single, "status"}
    assert len({r["quote_id"] for r in many}) == 3
    assert verify(many[1]["quote"]).destination_minor == 500


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"destination_currency": "KWD"}, "pair_not_supported", "destination_currency"),
        ({"destination_currency": "nowhere"}, "pair_not_supported", "destination_currency"),
        ({"destination_currency": "EUR"}, "same_currency", "destination_currency"),
        ({"source_currency": "???"}, "unknown_currency", "source_currency"),
        ({"source_amount": "1.001"}, "amount_too_precise", "source_amount"),
        ({"source_amount": "0"}, "amount_not_positive", "source_amount"),
        ({"source_amount": "many"}, "amount_malformed", "source_amount"),
        ({"source_amount": "92233720368547758.07"}, "amount_too_large", "source_amount"),
        ({"source_currency": "IDR", "destination_currency": "EUR", "source_amount": "1"},
         "amount_too_small", "source_amount"),
    ],
)  # fmt: skip
async def test_a_bad_item_is_refused_alone(
    fx: Any, change: dict[str, Any], code: str, field: str
) -> None:
    first, bad, last = await results(fx, ITEM, {**ITEM, **change}, ITEM)

    assert (first["status"], last["status"]) == ("quoted", "quoted")
    assert (bad["status"], bad["code"], bad["field"]) == ("refused", code, field)
    assert bad["message"]


async def test_a_stale_rate_refuses_the_item(fx: Any) -> None:
    fx.clock.advance(seconds=3601)

    (answer,) = await results(fx, ITEM)

    assert (answer["status"], answer["code"]) == ("refused", "stale_rate")


async def test_an_item_whose_deadline_has_passed_is_skipped(fx: Any) -> None:
    late, early = await results(fx, {**ITEM, "deadline_ms": 0}, {**ITEM, "deadline_ms": 60_000})

    assert (late["status"], late["code"]) == ("skipped", "deadline_exceeded")
    assert early["status"] == "quoted"


async def test_a_sampled_item_gets_a_span_in_its_own_trace(fx: Any, telemetry: Any) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    await results(
        fx, {**ITEM, "traceparent": f"00-{trace}-b7ad6b7169203331-01"},
        {**ITEM, "traceparent": f"00-{trace}-b7ad6b7169203331-00"}, ITEM,
        {**ITEM, "traceparent": "not a traceparent"},
    )  # fmt: skip

    spans = [s for s in telemetry.spans() if s.name == "fx.quote"]
    assert [f"{span.context.trace_id:032x}" for span in spans] == [trace]
    assert spans[0].attributes["fx.pair"] == "EUR/IDR"
    assert spans[0].attributes["fx.result"] == "quoted"


async def test_every_result_is_counted(fx: Any, telemetry: Any) -> None:
    await results(
        fx, ITEM, ITEM, {**ITEM, "destination_currency": "KWD"}, {**ITEM, "deadline_ms": 0}
    )

    def count(result: str) -> float | None:
        return telemetry.registry.get_sample_value("kurs_fx_quotes_total", {"result": result})

    assert (count("quoted"), count("pair_not_supported"), count("skipped")) == (2, 1, 1)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"[]", "body"),
        (b"{}", "items"),
        (b'{"items": []}', "items"),
        (b'{"items": {}}', "items"),
        (b'{"items": [{}], "more": 1}', "more"),
    ],
)  # fmt: skip
async def test_a_body_that_is_no_batch_names_its_field(fx: Any, body: bytes, field: str) -> None:
    response = await fx.post("/quotes/batch", body)

    assert response.status == 422
    assert field in [error["field"] for error in response.json()["errors"]]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"deadline_ms": False}, "deadline_ms"),
        ({"deadline_ms": "5"}, "deadline_ms"),
        ({"source_currency": 1}, "source_currency"),
        ({"source_amount": 1.5}, "source_amount"),
        ({"x": 1}, "x"),
        ({"source_amount": None}, "source_amount"),
        ({"destination_amount": "1"}, "source_amount"),
    ],
)
async def test_an_item_that_cannot_be_read_fails_alone(
    fx: Any, changes: dict[str, Any], field: str
) -> None:
    response = await fx.post("/quotes/batch", {"items": [{**ITEM, **changes}, ITEM]})

    skipped, quoted = response.json()["results"]
    assert (skipped["status"], skipped["code"], skipped["field"]) == ("skipped", "invalid", field)
    assert quoted["status"] == "quoted"


@pytest.mark.parametrize("body", [b"", b"{", b"items"])
async def test_a_body_that_is_no_json_says_so(fx: Any, body: bytes) -> None:
    assert_problem(await fx.post("/quotes/batch", body), status=400, code="malformed_json")


async def test_a_batch_holds_at_most_a_thousand_items(fx: Any) -> None:
    assert len(await results(fx, *[ITEM] * 1000)) == 1000
    assert (await fx.post("/quotes/batch", {"items": [ITEM] * 1001})).status == 422


async def test_without_a_document_the_whole_batch_is_unavailable(unconfigured: Any) -> None:
    async with unconfigured.running() as fx:
        response = await fx.post("/quotes/batch", {"items": [ITEM]})

    assert (response.status, response.json()["code"]) == (503, "no_rates")

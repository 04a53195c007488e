"""The merchant in W3C baggage: who gets it, who does not, and what of a caller's is believed."""

import pytest
from fastapi import FastAPI
from multidict import CIMultiDict
from opentelemetry.trace import use_span

from kurs.calls import Request, ServiceClient
from kurs.telemetry import Telemetry, TelemetryMiddleware, carry_merchant, propagated
from kurs.telemetry.tracing import SAMPLED_ROOT, unsampled_span
from kurs_testing.asgi import AsgiTransport
from kurs_testing.telemetry import RecordingTelemetry

TRACE = "0af7651916cd43dd8448eb211c80319c"
SAMPLED = f"00-{TRACE}-b7ad6b7169203331-01"


def app(telemetry: Telemetry, *, take_baggage: bool = True) -> FastAPI:
    made = FastAPI()
    made.add_middleware(TelemetryMiddleware, telemetry=telemetry, take_baggage=take_baggage)

    @made.get("/item")
    async def item() -> dict[str, str]:
        return propagated()

    return made


async def asked(made: FastAPI, **headers: str) -> dict[str, str]:
    request = Request("GET", "http://payments/item", CIMultiDict(headers))
    answer: dict[str, str] = (await AsgiTransport({"http://payments": made}).send(request)).json()
    return answer


def merchants(telemetry: Telemetry) -> list[object]:
    return [(span.attributes or {}).get("payment.merchant") for span in telemetry.spans()]


async def test_it_is_on_the_span_and_goes_on_with_an_item() -> None:
    telemetry = RecordingTelemetry("payments")

    fields = await asked(app(telemetry), traceparent=SAMPLED, baggage="merchant=shop")

    assert fields["baggage"] == "merchant=shop"
    assert fields["traceparent"].startswith(f"00-{TRACE}-")
    assert merchants(telemetry) == ["shop"]


async def test_a_trace_that_is_not_sampled_carries_none() -> None:
    telemetry = RecordingTelemetry("payments")

    unsampled = f"{SAMPLED[:-2]}00"
    assert await asked(app(telemetry), traceparent=unsampled, baggage="merchant=shop") == {}
    with use_span(unsampled_span()):
        carry_merchant("shop")
        assert propagated() == {}
    assert telemetry.spans() == ()


async def test_the_edge_takes_none() -> None:
    telemetry = RecordingTelemetry("api-gateway")

    fields = await asked(
        app(telemetry, take_baggage=False), traceparent=SAMPLED, baggage="merchant=shop"
    )

    assert "baggage" not in fields
    assert merchants(telemetry) == [None]


@pytest.mark.parametrize("text", ["", "merchant", "=shop", "merchant=" + "x" * 9000, "\x7f=1,,"])
async def test_what_is_malformed_is_left_out(text: str) -> None:
    telemetry = RecordingTelemetry("payments")

    fields = await asked(app(telemetry), traceparent=SAMPLED, baggage=text)

    assert "merchant" not in fields.get("baggage", "")
    assert merchants(telemetry) == [None]


async def test_a_call_and_an_item_span_have_it_too() -> None:
    caller, callee = RecordingTelemetry("api-gateway"), RecordingTelemetry("payments")
    transport = AsgiTransport({"http://payments": app(callee)})
    client = ServiceClient("payments", "http://payments", transport, telemetry=caller)

    with caller.tracer.start_as_current_span("request", SAMPLED_ROOT):
        carry_merchant("shop")
        fields = (await client.request("GET", "/item")).json()
    callee.item_span("wallet transfer", fields["traceparent"], fields["baggage"]).end()

    assert merchants(caller) == ["shop", "shop"]
    assert merchants(callee) == ["shop", "shop"]

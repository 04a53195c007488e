"""One payment is one trace through all five services, alone and within a large batch."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from tests.observability.payment_spans import BATCHED_SPANS, PAYMENT_SPANS

from kurs.calls import Request
from kurs.telemetry.tracing import parse_traceparent
from kurs_testing.asgi import FaultKind
from kurs_testing.clock import ManualClock
from kurs_testing.joined import PAYMENTS, WALLET, JoinedGateway
from kurs_testing.parts import part
from payments.sweeper import Sweeper

SAMPLES = Path(__file__).parents[1] / "data" / "resources"
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
PATIENT = {
    "payments": {"payment_seconds": 60.0, "lease_seconds": 90.0},
    "api-gateway": {"request_seconds": 90.0},
}


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[JoinedGateway]:
    async with JoinedGateway(tmp_path / "kurs", SAMPLES, overrides=PATIENT) as joined:
        await joined.open_and_fund("alice", USD="90000.00")
        await joined.open_and_fund("ibu", settlement_currency="IDR")
        yield joined


async def pay(gateway: JoinedGateway, name: str, traceparent: str, **headers: str) -> Any:
    body = {
        "payment_id": name,
        "amount": "10.00",
        "currency": "USD",
        "source_account": "alice",
        "destination_account": "ibu",
    }
    headers = {"traceparent": traceparent, **headers}
    return await gateway.call("POST", "/payments", body, headers=headers)


def is_transfer(request: Request) -> bool:
    return request.url.endswith("/transfers/batch")


def all_spans(gateway: JoinedGateway) -> list[tuple[str, ReadableSpan]]:
    return [(name, span) for name, t in gateway.telemetry.items() for span in t.spans()]


def of_trace(gateway: JoinedGateway, trace: str) -> dict[str, ReadableSpan]:
    """Return the spans of a trace by service and name, the last of those alike."""
    return {
        f"{service}: {span.name}": span
        for service, span in all_spans(gateway)
        if f"{span.context.trace_id:032x}" == trace
    }


def linked(span: ReadableSpan, other: ReadableSpan) -> bool:
    return any(link.context.span_id == other.context.span_id for link in span.links)


def child_of(span: ReadableSpan, parent: ReadableSpan) -> bool:
    return span.parent is not None and span.parent.span_id == parent.context.span_id


def children_of(gateway: JoinedGateway, parent: ReadableSpan) -> list[ReadableSpan]:
    return [span for _, span in all_spans(gateway) if child_of(span, parent)]


def check_trace(gateway: JoinedGateway, trace: str, name: str) -> None:
    spans = of_trace(gateway, trace)
    came = spans["api-gateway: POST /payments"]
    if "api-gateway: POST payments" in spans:
        assert set(spans) == PAYMENT_SPANS
        own = spans["payments: POST /payments"]
        assert child_of(spans["api-gateway: POST payments"], came)
        assert child_of(own, spans["api-gateway: POST payments"])
    else:
        assert set(spans) == BATCHED_SPANS
        own = spans["payments: payments pay"]
        assert child_of(own, came)
    assert {merchant_of(span) for span in spans.values()} == {"demo"}
    for item in ("risk: risk score", "fx: fx.quote", "wallet: wallet transfer"):
        assert child_of(spans[item], own), item
    assert (
        dict(own.attributes or {}).items()
        >= {
            "payment.id": name,
            "payment.merchant": "demo",
            "payment.operation": "pay",
            "payment.status": "CAPTURED",
            "payment.corridor": "USD/IDR",
            "ledger.transfer_id": f"pay:demo:{name}",
        }.items()
    )
    quote = spans["fx: fx.quote"].attributes or {}
    assert own.attributes is not None
    assert own.attributes["config.revision"] == quote["config.revision"]
    assert str(own.attributes["fx.quote_id"]).startswith("fxq_")
    wallet = spans["wallet: wallet transfer"].attributes or {}
    assert wallet["kurs.transfer_id"] == f"pay:demo:{name}"


def merchant_of(span: ReadableSpan) -> Any:
    return (span.attributes or {}).get("payment.merchant")


def batches_of(gateway: JoinedGateway, item: ReadableSpan, name: str) -> list[ReadableSpan]:
    """Return the spans called `name` that stand for a batch with the trace of `item` in it."""
    return [
        span
        for _, span in all_spans(gateway)
        if span.name == name
        and any(link.context.trace_id == item.context.trace_id for link in span.links)
    ]


async def test_a_payment_alone_is_one_trace_through_all_services(gateway: JoinedGateway) -> None:
    answer = await pay(gateway, "p1", PARENT)

    assert answer.json()["trace_id"] == TRACE
    response = parse_traceparent(answer.headers["traceresponse"])
    assert response is not None
    assert f"{response.trace_id:032x}" == TRACE
    check_trace(gateway, TRACE, "p1")
    transfer = of_trace(gateway, TRACE)["wallet: wallet transfer"]
    (sent,) = batches_of(gateway, transfer, "wallet batch")
    (stored,) = batches_of(gateway, transfer, "wallet transaction")
    assert sent.parent is None
    assert sent.context.trace_id != transfer.context.trace_id
    assert len(stored.links) == 1
    (write,) = children_of(gateway, stored)
    assert write.name == "write transaction"
    statements = children_of(gateway, write)
    assert {s.name for s in statements} >= {"INSERT transfers", "INSERT postings"}
    assert write.attributes is not None
    assert write.attributes["db.system.name"] == "sqlite"
    assert write.attributes["kurs.db.statements"] == len(statements)
    for service in ("payments", "risk"):
        assert batches_of(gateway, transfer, f"{service} transaction"), service


@pytest.mark.parametrize("flags", ["01", "00"], ids=["sampled", "unsampled"])
async def test_the_state_of_other_tracing_systems_goes_on_to_the_services(
    gateway: JoinedGateway, flags: str
) -> None:
    seen: list[Request] = []

    def note(request: Request) -> bool:
        seen.append(request)
        return False

    gateway.transport.inject(PAYMENTS, FaultKind.UNREACHABLE, matches=note)
    answer = await pay(gateway, "p1", PARENT[:-2] + flags, tracestate="rojo=00f067aa0ba902b7")

    assert answer.status == 200
    (call,) = [request for request in seen if request.url.endswith("/payments")]
    assert call.headers["tracestate"] == "rojo=00f067aa0ba902b7"
    assert call.headers["traceparent"].startswith(f"00-{TRACE}-")


async def test_what_a_client_says_in_baggage_is_not_taken(gateway: JoinedGateway) -> None:
    await pay(gateway, "p1", PARENT, baggage="merchant=other,secret=1")

    check_trace(gateway, TRACE, "p1")
    said = [str(span.attributes) for _, span in all_spans(gateway)]
    assert not [text for text in said if "other" in text or "secret" in text]


async def test_a_payment_in_a_large_batch_is_one_trace_too(gateway: JoinedGateway) -> None:
    traces = [f"{n:032x}" for n in range(1, 41)]
    payments = (
        pay(gateway, f"p{n}", f"00-{trace}-b7ad6b7169203331-01") for n, trace in enumerate(traces)
    )
    await asyncio.gather(*payments)

    for n, trace in enumerate(traces):
        check_trace(gateway, trace, f"p{n}")
    last = of_trace(gateway, traces[-1])["wallet: wallet transfer"]
    (stored,) = batches_of(gateway, last, "wallet transaction")
    assert len(stored.links) > 10, "many payments share its transaction"
    (carried,) = (s for _, s in all_spans(gateway) if linked(last, s))
    assert f"{carried.context.trace_id:032x}" not in traces


async def test_what_the_sweeper_finishes_is_part_of_the_same_trace(tmp_path: Path) -> None:
    clock = ManualClock()
    patient = {**PATIENT, "payments": {**PATIENT["payments"], "sweep_seconds": 3600.0}}
    folder = tmp_path / "kurs"
    async with JoinedGateway(folder, SAMPLES, clock=clock, overrides=patient) as gateway:
        await gateway.open_and_fund("alice", USD="90000.00")
        await gateway.open_and_fund("ibu", settlement_currency="IDR")
        gateway.transport.inject(WALLET, FaultKind.UNREACHABLE, matches=is_transfer)
        assert (await pay(gateway, "p1", PARENT)).status == 202
        gateway.transport.heal(WALLET)
        clock.advance(seconds=120)
        await part(gateway.apps["payments"], Sweeper).sweep()

        spans = of_trace(gateway, TRACE)
        kept_and_resumed = {"payments: payments wait", "payments: payments resume"}
        assert set(spans) == PAYMENT_SPANS | kept_and_resumed
        resumed = spans["payments: payments resume"]
        assert child_of(resumed, spans["payments: POST /payments"])
        assert child_of(spans["wallet: wallet transfer"], resumed)
        assert child_of(spans["payments: payments finish"], resumed)
        assert {merchant_of(span) for span in spans.values()} == {"demo"}
        assert (resumed.attributes or {})["payment.status"] == "CAPTURED"


async def test_exemplars_name_the_trace(gateway: JoinedGateway) -> None:
    await pay(gateway, "p1", PARENT)

    found = {
        sample.exemplar.labels["trace_id"]
        for telemetry in gateway.telemetry.values()
        for metric in telemetry.registry.collect()
        for sample in metric.samples
        if sample.exemplar
    }
    assert TRACE in found


async def test_a_payment_that_is_not_sampled_leaves_no_span(gateway: JoinedGateway) -> None:
    answer = await pay(gateway, "p1", PARENT[:-2] + "00")

    assert answer.status == 200
    assert answer.json()["trace_id"] == TRACE
    assert of_trace(gateway, TRACE) == {}
    names = {span.name for _, span in all_spans(gateway)}
    assert not names & {"POST /payments", "wallet transfer", "wallet batch", "risk score"}

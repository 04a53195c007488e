"""What a real Collector keeps: every bad payment with all of its spans, and few of the rest."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from opentelemetry.trace import Status, StatusCode, set_span_in_context
from tests.observability.payment_spans import PAYMENT_SPANS
from tests.observability.running_collector import collector, needs_collector, policies
from tests.observability.sent_traces import Exporters, Traces, exporters

from kurs.calls import Request
from kurs.telemetry import Telemetry, extract
from kurs_testing.asgi import FaultKind
from kurs_testing.joined import PAYMENTS, RISK, WALLET, JoinedGateway
from kurs_testing.telemetry import RecordingTelemetry

pytestmark = needs_collector
SAMPLES = Path(__file__).parents[1] / "data" / "resources"
PATIENT = {
    "payments": {"payment_seconds": 60.0, "lease_seconds": 90.0, "sweep_seconds": 3600.0},
    "api-gateway": {"request_seconds": 90.0},
}
SLOW_MS = policies()["slow"]["latency"]["threshold_ms"]
COPIES, FEW = 20, 4
"""Of COPIES traces, not more than FEW are kept where one of a hundred is."""
FAST, AT_ONCE, FEW_FAST = 600, 4, 40


@dataclass(frozen=True)
class Made:
    """A trace of two spans, the inner one with a status of HTTP or with OpenTelemetry's ERROR."""

    milliseconds: float = 10
    http: int | None = None
    error: bool = False


BAD = {
    "an error": Made(error=True),
    "an error of 500": Made(error=True, http=500),
    "an answer of 500": Made(http=500),
    "an answer of 599": Made(http=599),
    "an answer of 202": Made(http=202),
    # The Collector counts whole milliseconds.
    "just too slow": Made(SLOW_MS + 1.5),
}
REST = {
    "an error of 400": Made(error=True, http=400),
    "an answer of 200": Made(http=200),
    "an answer of 201": Made(http=201),
    "an answer of 499": Made(http=499),
    "just fast enough": Made(SLOW_MS - 0.5),
}
BAD_PAYMENTS = {
    "one that was sent twice": PAYMENT_SPANS,
    "one whose answer was lost": PAYMENT_SPANS,
    "one that was slow": PAYMENT_SPANS,
    "one without an outcome": PAYMENT_SPANS
    - {"wallet: wallet transfer", "payments: payments finish"}
    | {"payments: payments wait"},
}
REFUSED, FAST_ONES, LAST = "payments that were refused", "fast payments", "the last one"


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Traces:
    """All traces, sent; and what the Collector made of them when it has ended."""
    folder, found = tmp_path_factory.mktemp("collector"), Traces()
    made = RecordingTelemetry("made")
    with collector(folder, decision_wait="1s") as running, exporters(running.endpoint) as sending:
        asyncio.run(pay_all(folder, found, sending))
        sending.add(made)
        for kind, what in (BAD | REST).items():
            for _ in range(COPIES):
                make(made, found.begin(kind)[1], what)
        sending.flush()
        last, traceparent = found.begin(LAST)
        make(made, traceparent, Made(error=True))
        sending.flush()
        running.wait_until(lambda: last in running.kept, "keep an error")
        running.stop()
        found.kept = running.kept
    found.note(made)
    return found


def make(telemetry: Telemetry, traceparent: str, what: Made) -> None:
    begun = time.time_ns()
    outer = telemetry.tracer.start_span("outer", extract(traceparent), start_time=begun)
    inside = set_span_in_context(outer)
    inner = telemetry.tracer.start_span("inner", inside, start_time=begun)
    if what.http is not None:
        inner.set_attribute("http.response.status_code", what.http)
    if what.error:
        inner.set_status(Status(StatusCode.ERROR))
    for span in (inner, outer):
        span.end(begun + round(what.milliseconds * 1e6))


async def pay_all(folder: Path, traces: Traces, sending: Exporters) -> None:
    async with JoinedGateway(folder / "kurs", SAMPLES, overrides=PATIENT) as gateway:
        # The gateway's spans say what is the matter. The others may come after the decision, when
        # the machine is busy.
        for name in ("api-gateway", "payments", "risk", "fx", "wallet"):
            sending.add(gateway.telemetry[name])
        await gateway.open_and_fund("alice", USD="90000.00")
        await gateway.open_and_fund("ibu", settlement_currency="IDR")
        await pay_badly(gateway, traces)
        await asyncio.to_thread(sending.flush)
        for _ in range(FAST // AT_ONCE):
            await asyncio.gather(*(pay(gateway, traces, FAST_ONES) for _ in range(AT_ONCE)))
        await asyncio.to_thread(sending.flush)
        for telemetry in gateway.telemetry.values():
            traces.note(telemetry)


async def pay_badly(gateway: JoinedGateway, traces: Traces) -> None:
    def to(path: str) -> Callable[[Request], bool]:
        return lambda request: request.url.endswith(path)

    fail = gateway.transport.inject
    fail(PAYMENTS, FaultKind.UNREACHABLE, times=1, matches=to("/payments"))
    assert await pay(gateway, traces, "one that was sent twice") == 200
    fail(PAYMENTS, FaultKind.LOSE_ACKNOWLEDGEMENT, times=1, matches=to("/payments"))
    assert await pay(gateway, traces, "one whose answer was lost") == 504
    slow = SLOW_MS / 1000 * 1.2
    fail(RISK, FaultKind.DELAY, times=1, seconds=slow, matches=to("/score/batch"))
    assert await pay(gateway, traces, "one that was slow") == 200
    for _ in range(COPIES):
        assert await pay(gateway, traces, REFUSED, amount="99999.00") == 400
    fail(WALLET, FaultKind.UNREACHABLE, matches=to("/transfers/batch"))
    assert await pay(gateway, traces, "one without an outcome") == 202
    gateway.transport.heal(WALLET)


async def pay(gateway: JoinedGateway, traces: Traces, kind: str, amount: str = "10.00") -> int:
    trace, traceparent = traces.begin(kind)
    body = {
        "payment_id": trace,
        "amount": amount,
        "currency": "USD",
        "source_account": "alice",
        "destination_account": "ibu",
    }
    headers = {"traceparent": traceparent}
    return (await gateway.call("POST", "/payments", body, headers=headers)).status


@pytest.mark.parametrize("kind", BAD_PAYMENTS)
def test_a_bad_payment_is_kept_with_the_spans_of_all_services(traces: Traces, kind: str) -> None:
    (trace,) = traces.kinds[kind]
    assert traces.names(trace) == BAD_PAYMENTS[kind]
    assert traces.is_whole(trace)


@pytest.mark.parametrize("kind", BAD)
def test_every_trace_that_is_bad_is_kept(traces: Traces, kind: str) -> None:
    assert len(traces.kept_of(kind)) == COPIES


@pytest.mark.parametrize("kind", [*REST, REFUSED])
def test_few_of_the_rest_are_kept(traces: Traces, kind: str) -> None:
    fast = [trace for trace in traces.kept_of(kind) if traces.milliseconds(trace) <= SLOW_MS]
    assert len(traces.kinds[kind]) == COPIES
    assert len(fast) <= FEW


def test_about_one_of_a_hundred_fast_payments_is_kept(traces: Traces) -> None:
    kept = traces.kept_of(FAST_ONES)
    assert len(traces.kinds[FAST_ONES]) == FAST
    assert 1 <= len([t for t in kept if traces.milliseconds(t) <= SLOW_MS]) <= FEW_FAST


def test_no_trace_is_kept_in_part(traces: Traces) -> None:
    kept = [trace for kind in traces.kinds for trace in traces.kept_of(kind)]
    assert [trace for trace in kept if not traces.is_whole(trace)] == []

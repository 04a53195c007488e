"""Traces of payments as the cluster's store has them: alone, in a batch, from an exemplar."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.cluster.observability.conftest import Paid
from tests.cluster.observability.http_api import Gateway, Prometheus
from tests.cluster.observability.load import body, prepare
from tests.cluster.observability.traces import Span, TraceStore, trace_store
from tests.cluster.shell import eventually
from tests.observability.payment_spans import BATCHED_SPANS, PAYMENT_SPANS

MANY = 40
WHOLE = (PAYMENT_SPANS, BATCHED_SPANS)
"""What a payment's trace has, alone or as one of many on its way from the gateway."""


@pytest.fixture(scope="module")
def store() -> Iterator[TraceStore]:
    with trace_store() as store:
        yield store


@pytest.fixture(scope="module")
def run(gateway: Gateway, paid: Paid) -> str:
    """A run of payments after the load: a funded payer and a shop that settles in rupiah."""
    name = uuid.uuid4().hex[:8]
    prepare(gateway, name)
    return name


def pay(gateway: Gateway, run: str, number: int) -> str:
    """Pay and return the trace id that the answer names."""
    status, payment = gateway.call("/payments", body(run, number, amount="1.00"))
    assert status == 200, payment
    return str(payment["trace_id"])


def whole(store: TraceStore, trace: str) -> dict[str, Span]:
    """Return the spans of a payment's trace by service and name, once all have arrived."""

    def arrived() -> dict[str, Span] | None:
        spans = {f"{span.service}: {span.name}": span for span in store.trace(trace)}
        return spans if any(set(spans) >= names for names in WHOLE) else None

    spans: dict[str, Span] = eventually(f"the whole of trace {trace}", arrived, patience=60)
    return spans


def check(spans: dict[str, Span], payment: str) -> None:
    """Hold a trace to its names, parents and attributes."""
    assert set(spans) in WHOLE
    sent = spans.get("api-gateway: POST payments", spans["api-gateway: POST /payments"])
    (own_name,) = spans.keys() & {"payments: POST /payments", "payments: payments pay"}
    own = spans[own_name]
    assert own.parent == sent.id
    assert sent.parent in ("", spans["api-gateway: POST /payments"].id)
    for name in spans.keys() - {own_name}:
        if not name.startswith("api-gateway"):
            assert spans[name].parent == own.id, name
    for name in ("risk: risk score", "fx: fx.quote", "wallet: wallet transfer"):
        assert len(spans[name].links) == 1, name
    merchants = {span.tags["payment.merchant"] for span in spans.values()}
    assert len(merchants) == 1
    assert own.tags["payment.id"] == payment
    assert own.tags["payment.status"] == "CAPTURED"
    assert own.tags["payment.corridor"] == "USD/IDR"
    assert own.tags["fx.quote_id"].startswith("fxq_")
    assert own.tags["config.revision"] == spans["fx: fx.quote"].tags["config.revision"]
    transfer = spans["wallet: wallet transfer"].tags["kurs.transfer_id"]
    assert own.tags["ledger.transfer_id"] == transfer == f"pay:{merchants.pop()}:{payment}"


def transaction(store: TraceStore, trace: str) -> Span:
    """Return the wallet's transaction that holds a payment, once it has arrived."""

    def found() -> Span | None:
        return next(iter(store.linked_to("wallet", "wallet transaction", trace)), None)

    span: Span = eventually(f"the transaction of trace {trace}", found, patience=60)
    return span


def test_a_payment_alone(store: TraceStore, gateway: Gateway, run: str) -> None:
    trace = pay(gateway, run, 0)

    check(whole(store, trace), f"{run}-0")
    held = transaction(store, trace)
    assert held.tags["kurs.batch.size"] == 1
    assert held.parent == ""


def test_a_payment_inside_a_large_batch(store: TraceStore, gateway: Gateway, run: str) -> None:
    with ThreadPoolExecutor(MANY) as pool:
        traces = list(pool.map(lambda n: pay(gateway, run, n), range(1, MANY + 1)))

    sizes = {}
    for number, trace in enumerate(traces, start=1):
        check(whole(store, trace), f"{run}-{number}")
        sizes[trace] = transaction(store, trace).tags["kurs.batch.size"]
    largest = max(sizes, key=lambda trace: sizes[trace])
    assert sizes[largest] > 4, sizes
    links = transaction(store, largest).links
    assert len(links) == sizes[largest], "the transaction links to every payment in it"


def test_an_exemplar_leads_to_the_trace_of_a_payment(
    store: TraceStore, prometheus: Prometheus, release: str, paid: Paid
) -> None:
    of = f'namespace="{release}",http_route="/payments",http_response_status_code="200"'
    series = f"http_server_request_duration_seconds_bucket{{{of}}}"
    found = prometheus.get(
        "query_exemplars", query=series, start=str(paid.began), end=str(prometheus.now())
    )
    traces = {e["labels"]["trace_id"] for one in found for e in one["exemplars"]}
    assert traces
    assert all(len(trace) == 32 for trace in traces)

    read = (store.trace(trace) for trace in traces)
    names = [{f"{span.service}: {span.name}" for span in spans} for spans in read]
    crossed = [found for found in names if any(found >= whole for whole in WHOLE)]
    assert crossed, "none of these crosses all five services"

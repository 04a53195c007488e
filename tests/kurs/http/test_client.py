"""The client repeats only what is safe, within its budget, and says what may have happened."""

import time

import pytest
from fastapi import FastAPI, HTTPException, Response
from opentelemetry.trace import format_trace_id, use_span

from kurs.calls import (
    BreakerState,
    CircuitBreaker,
    CircuitOpen,
    ConnectionLost,
    Deadline,
    OutcomeUnknown,
    Request,
    ResponseTimeout,
    RetryBudget,
    ServiceClient,
    Unreachable,
)
from kurs.telemetry import Telemetry, TelemetryMiddleware
from kurs.telemetry.tracing import unsampled_span
from kurs_testing.asgi import AsgiTransport, FaultKind
from kurs_testing.monotonic import ManualMonotonic
from kurs_testing.telemetry import RecordingTelemetry

BASE = "http://wallet"
DURATION = "http_client_request_duration_seconds"


class Wallet:
    """An app that counts what it did."""

    def __init__(self) -> None:
        self.applied = 0
        self.telemetry = RecordingTelemetry("wallet")
        self.app = FastAPI()
        self.app.add_middleware(TelemetryMiddleware, telemetry=self.telemetry)

        @self.app.post("/transfers")
        async def transfers() -> dict[str, int]:
            self.applied += 1
            return {"applied": self.applied}

        @self.app.get("/status/{code}")
        async def status(code: int) -> Response:
            if code >= 400:
                raise HTTPException(code)
            return Response(b"1.5", status_code=code)


class Pauses:
    """Instead of sleeping, remembers how long it should have."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@pytest.fixture
def wallet() -> Wallet:
    return Wallet()


@pytest.fixture
def network(wallet: Wallet) -> AsgiTransport:
    return AsgiTransport({BASE: wallet.app})


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
def client(
    network: AsgiTransport, telemetry: Telemetry, clock: ManualMonotonic, pauses: Pauses
) -> ServiceClient:
    return ServiceClient(
        "wallet", BASE, network, telemetry=telemetry, retries=2, clock=clock, sleep=pauses
    )


async def transfer(client: ServiceClient, *, retryable: bool = True) -> int:
    answer = await client.request("POST", "/transfers", body=b"{}", retryable=retryable)
    applied: int = answer.json()["applied"]
    return applied


def value(telemetry: Telemetry, name: str, **labels: str) -> float | None:
    return telemetry.registry.get_sample_value(name, labels)


def durations(telemetry: Telemetry, method: str, status: str, error: str = "") -> float | None:
    return value(
        telemetry,
        f"{DURATION}_count",
        server="wallet",
        http_request_method=method,
        http_response_status_code=status,
        error_type=error,
    )


@pytest.mark.parametrize("status", [200, 404, 500, 503])
async def test_an_answer_is_returned_once_whatever_its_status(
    client: ServiceClient, network: AsgiTransport, telemetry: Telemetry, status: int
) -> None:
    answer = await client.request("GET", f"/status/{status}", retryable=True)

    assert answer.status == status
    assert len(network.requests) == 1
    assert durations(telemetry, "GET", str(status)) == 1.0


async def test_json_numbers_are_never_floats(client: ServiceClient) -> None:
    answer = await client.request("GET", "/status/200")

    assert str(answer.json()) == "1.5"
    assert not isinstance(answer.json(), float)


async def test_a_body_is_json_unless_the_caller_says_otherwise(
    client: ServiceClient, network: AsgiTransport
) -> None:
    await client.request("POST", "/transfers", body=b"{}")
    await client.request("POST", "/transfers", body=b"x", headers={"content-type": "text/plain"})

    types = [request.headers.getall("Content-Type") for request in network.requests]
    assert types == [["application/json"], ["text/plain"]]


async def test_an_unreachable_target_is_tried_again(
    client: ServiceClient, network: AsgiTransport, telemetry: Telemetry, pauses: Pauses
) -> None:
    network.inject(BASE, FaultKind.UNREACHABLE, times=2)

    assert await transfer(client) == 1
    assert len(pauses.seconds) == 2
    assert all(0 <= s <= 0.05 for s in pauses.seconds)
    assert value(telemetry, "http_client_retries_total", server="wallet") == 2.0
    assert durations(telemetry, "POST", "", "unreachable") == 2.0
    assert durations(telemetry, "POST", "200") == 1.0


async def test_a_target_that_stays_unreachable_did_nothing(
    client: ServiceClient, network: AsgiTransport, wallet: Wallet
) -> None:
    network.inject(BASE, FaultKind.UNREACHABLE)

    with pytest.raises(Unreachable, match="wallet") as raised:
        await transfer(client)
    assert raised.value.target == "wallet"
    assert wallet.applied == 0


async def test_a_lost_acknowledgement_is_repeated_when_the_call_has_an_id(
    client: ServiceClient, network: AsgiTransport
) -> None:
    network.inject(BASE, FaultKind.LOSE_ACKNOWLEDGEMENT, times=1)

    assert await transfer(client) == 2


async def test_a_lost_acknowledgement_is_never_repeated_otherwise(
    client: ServiceClient, network: AsgiTransport, wallet: Wallet
) -> None:
    network.inject(BASE, FaultKind.LOSE_ACKNOWLEDGEMENT, times=1)

    with pytest.raises(ConnectionLost):
        await transfer(client, retryable=False)
    assert wallet.applied == 1


async def test_a_timeout_is_not_repeated(
    network: AsgiTransport, telemetry: Telemetry, wallet: Wallet
) -> None:
    client = ServiceClient("wallet", BASE, network, telemetry=telemetry, timeout=0.5)
    network.inject(BASE, FaultKind.DELAY, seconds=0.6)

    with pytest.raises(ResponseTimeout):
        await transfer(client)
    await network.settle()
    assert wallet.applied == 1
    assert durations(telemetry, "POST", "", "timeout") == 1.0


async def test_a_last_attempt_that_was_not_sent_does_not_undo_one_that_was(
    client: ServiceClient, network: AsgiTransport, wallet: Wallet
) -> None:
    network.inject(BASE, FaultKind.LOSE_ACKNOWLEDGEMENT, times=1)
    network.inject(BASE, FaultKind.UNREACHABLE)

    with pytest.raises(OutcomeUnknown):
        await transfer(client)
    assert wallet.applied == 1


async def test_no_pause_outlasts_the_deadline(
    client: ServiceClient, network: AsgiTransport, pauses: Pauses
) -> None:
    def takes_long(_: Request) -> bool:
        time.sleep(0.3)
        return True

    network.inject(BASE, FaultKind.UNREACHABLE, matches=takes_long)

    with pytest.raises(Unreachable):
        await client.request("POST", "/transfers", deadline=Deadline.after(0.3), retryable=True)
    assert pauses.seconds == []


async def test_the_budget_bounds_the_retries_of_a_failing_target(
    network: AsgiTransport, telemetry: Telemetry, clock: ManualMonotonic, pauses: Pauses
) -> None:
    budget = RetryBudget(ratio=0.2, floor_per_second=1.0, window_seconds=10.0, clock=clock)
    client = ServiceClient(
        "wallet", BASE, network, telemetry=telemetry, clock=clock, sleep=pauses, budget=budget
    )
    for _ in range(100):
        await transfer(client)
    network.inject(BASE, FaultKind.LOSE_REQUEST, matches=lambda r: r.method == "PUT")
    for _ in range(50):
        await transfer(client)
        with pytest.raises(ConnectionLost):
            await client.request("PUT", "/transfers", retryable=True)

    retries = value(telemetry, "http_client_retries_total", server="wallet")
    assert retries == 10 + 0.2 * 200
    exhausted = value(telemetry, "http_client_retry_budget_exhausted_total", server="wallet")
    assert exhausted is not None
    assert exhausted > 0


def test_the_default_budget_has_a_floor_and_refills(clock: ManualMonotonic) -> None:
    budget = RetryBudget(clock=clock)

    assert sum(budget.withdraw() for _ in range(1000)) == 100
    for _ in range(50):
        budget.deposit()
    assert sum(budget.withdraw() for _ in range(1000)) == 10
    clock.advance(11.0)
    assert sum(budget.withdraw() for _ in range(1000)) == 100


async def test_a_failing_target_is_spared_until_it_answers_again(
    client: ServiceClient, network: AsgiTransport, telemetry: Telemetry, clock: ManualMonotonic
) -> None:
    network.inject(BASE, FaultKind.UNREACHABLE)
    for _ in range(10):
        with pytest.raises(Unreachable):
            await transfer(client, retryable=False)
    assert value(telemetry, "kurs_circuit_breaker_state", target="wallet") == 2.0
    with pytest.raises(CircuitOpen):
        await transfer(client)
    not_sent = value(
        telemetry, "http_client_not_sent_total", server="wallet", reason="circuit_open"
    )
    assert not_sent == 1.0

    network.heal(BASE)
    clock.advance(1.0)
    assert await transfer(client) == 1
    assert value(telemetry, "kurs_circuit_breaker_state", target="wallet") == 0.0


async def test_errors_that_the_target_answers_do_not_open_the_circuit(
    client: ServiceClient,
) -> None:
    for _ in range(30):
        await client.request("GET", "/status/500")

    assert client.breaker.state is BreakerState.CLOSED


async def test_a_wait_cut_short_by_its_caller_says_nothing_about_the_target(
    network: AsgiTransport, telemetry: Telemetry
) -> None:
    breaker = CircuitBreaker(min_failures=1)
    client = ServiceClient("wallet", BASE, network, telemetry=telemetry, breaker=breaker)
    network.inject(BASE, FaultKind.HANG)
    with pytest.raises(ResponseTimeout):
        await client.request("POST", "/transfers", deadline=Deadline.after(0.3))

    assert client.breaker.state is BreakerState.CLOSED


async def test_a_target_that_uses_up_the_whole_timeout_opens_the_circuit(
    network: AsgiTransport, telemetry: Telemetry
) -> None:
    breaker = CircuitBreaker(min_failures=1)
    client = ServiceClient(
        "wallet", BASE, network, telemetry=telemetry, timeout=0.3, breaker=breaker
    )
    network.inject(BASE, FaultKind.HANG)
    with pytest.raises(ResponseTimeout):
        await transfer(client)

    assert client.breaker.state is BreakerState.OPEN


async def test_a_sampled_trace_goes_on_in_the_target(
    client: ServiceClient, telemetry: Telemetry, wallet: Wallet
) -> None:
    with telemetry.tracer.start_as_current_span("payment") as payment:
        await transfer(client)

    own = {span.name: span for span in telemetry.spans()}
    (theirs,) = wallet.telemetry.spans()
    call = own["POST wallet"]
    assert theirs.context.trace_id == payment.get_span_context().trace_id
    assert call.parent is not None
    assert call.parent.span_id == payment.get_span_context().span_id
    assert theirs.parent is not None
    assert theirs.parent.span_id == call.context.span_id


async def test_each_attempt_has_its_own_span(
    client: ServiceClient, network: AsgiTransport, telemetry: Telemetry
) -> None:
    network.inject(BASE, FaultKind.UNREACHABLE, times=1)
    with telemetry.tracer.start_as_current_span("payment"):
        await transfer(client)

    calls = [span for span in telemetry.spans() if span.name == "POST wallet"]
    assert [span.status.is_ok for span in calls] == [False, True]


async def test_an_unsampled_trace_makes_no_span_and_is_not_sampled_by_the_target(
    client: ServiceClient, network: AsgiTransport, telemetry: Telemetry, wallet: Wallet
) -> None:
    span = unsampled_span()
    with use_span(span):
        await transfer(client)

    assert telemetry.spans() == ()
    assert wallet.telemetry.spans() == ()
    sent = network.requests[0].headers["traceparent"]
    assert sent.startswith(f"00-{format_trace_id(span.get_span_context().trace_id)}-")
    assert sent.endswith("-00")


async def test_durations_of_sampled_calls_have_exemplars(
    client: ServiceClient, telemetry: Telemetry
) -> None:
    await transfer(client)
    assert _exemplars(telemetry) == []

    with telemetry.tracer.start_as_current_span("payment") as span:
        await transfer(client)
    trace_id = format_trace_id(span.get_span_context().trace_id)
    assert _exemplars(telemetry) == [{"trace_id": trace_id}]


def _exemplars(telemetry: Telemetry) -> list[dict[str, str]]:
    return [
        dict(sample.exemplar.labels)
        for metric in telemetry.registry.collect()
        for sample in metric.samples
        if sample.name.startswith(DURATION) and sample.exemplar
    ]

"""A deadline crosses hops as milliseconds and only ever shrinks."""

import pytest
from fastapi import FastAPI

from kurs.calls import DEADLINE_HEADER, Deadline, NoTimeLeft, ServiceClient, current_deadline
from kurs.telemetry import Telemetry, TelemetryMiddleware
from kurs_testing.asgi import AsgiTransport
from kurs_testing.telemetry import RecordingTelemetry


def test_a_deadline_survives_its_header() -> None:
    received = Deadline.from_header(Deadline.after(3600.0).to_header())

    assert received is not None
    assert not received.expired
    assert 0 < received.remaining_ms() <= 3_600_000


@pytest.mark.parametrize(
    "value", [None, "", "-1", "+5", "1.5", "soon", "1e3", " 5", "٣", "9" * 10, "9" * 5000]
)
def test_a_malformed_header_is_no_deadline(value: str | None) -> None:
    assert Deadline.from_header(value) is None


def test_a_day_is_the_longest_deadline() -> None:
    deadline = Deadline.from_header("999999999")

    assert deadline is not None
    assert deadline.remaining_ms() <= 24 * 60 * 60 * 1000


def test_a_passed_deadline_has_nothing_left() -> None:
    deadline = Deadline.after(-1.0)

    assert deadline.expired
    assert deadline.remaining() < 0
    assert deadline.remaining_ms() == 0
    assert deadline.to_header() == "0"
    assert Deadline.after(0.001).to_header(margin=1.0) == "0"


def make_chain() -> AsgiTransport:
    """Two apps: `http://one/` asks `http://two/` and answers what it says."""
    transport = AsgiTransport()
    one, two = FastAPI(), FastAPI()
    telemetry = RecordingTelemetry("one")
    client = ServiceClient("two", "http://two", transport, telemetry=telemetry, timeout=3000.0)
    one.add_middleware(TelemetryMiddleware, telemetry=telemetry)
    two.add_middleware(TelemetryMiddleware, telemetry=RecordingTelemetry("two"))

    @one.get("/")
    async def first() -> int | None:
        answer = await client.request("GET", "/")
        left: int | None = answer.json()
        return left

    @two.get("/")
    async def second() -> int | None:
        deadline = current_deadline.get()
        return None if deadline is None else deadline.remaining_ms()

    transport.mount("http://one", one)
    transport.mount("http://two", two)
    return transport


def headers_sent(transport: AsgiTransport) -> list[int]:
    return [int(request.headers[DEADLINE_HEADER]) for request in transport.requests]


async def test_a_deadline_shrinks_over_two_hops(telemetry: Telemetry) -> None:
    async with make_chain() as transport:
        client = ServiceClient("one", "http://one", transport, telemetry=telemetry, timeout=2000.0)
        answer = await client.request("GET", "/")

    first, second = headers_sent(transport)
    assert answer.json() <= second < first < 2_000_000


async def test_the_shorter_of_own_timeout_and_callers_deadline_holds(
    telemetry: Telemetry,
) -> None:
    async with make_chain() as transport:
        client = ServiceClient("one", "http://one", transport, telemetry=telemetry, timeout=2000.0)
        await client.request("GET", "/", deadline=Deadline.after(1000.0))
        await client.request("GET", "/", deadline=Deadline.after(36000.0))

    first, _, second, _ = headers_sent(transport)
    assert first <= 1_000_000
    assert 1_000_000 < second < 2_000_000


async def test_nothing_is_sent_when_no_time_is_left(telemetry: Telemetry) -> None:
    async with make_chain() as transport:
        client = ServiceClient("one", "http://one", transport, telemetry=telemetry)
        with pytest.raises(NoTimeLeft):
            await client.request("GET", "/", deadline=Deadline.after(0.0), retryable=True)

    assert transport.requests == []
    labels = {"server": "one", "reason": "deadline_exceeded"}
    assert telemetry.registry.get_sample_value("http_client_not_sent_total", labels) == 1.0

"""What a caller learns when a service is away, slow, or gone in the middle."""

import pytest
from tests.api_gateway.harness import Gateway, MakeGateway, problem

from kurs_testing.asgi import FaultKind

PAYMENTS = "http://payments.test"


async def test_a_service_that_is_away_is_503_and_nothing_happened(gateway: Gateway) -> None:
    gateway.transport.inject(PAYMENTS, FaultKind.UNREACHABLE)

    refused = await gateway.post("/payments")

    document = problem(refused, 503, "upstream_unavailable")
    assert refused.headers["retry-after"] == "1"
    assert "ratelimit" in refused.headers
    assert "payments.test" not in str(document)


async def test_a_refused_connection_is_tried_once_more(gateway: Gateway) -> None:
    gateway.transport.inject(PAYMENTS, FaultKind.UNREACHABLE, times=1)

    assert (await gateway.post("/payments")).status == 200

    assert len(gateway.services["payments"].arrived) == 1


async def test_a_service_that_is_slow_is_504_and_says_how_to_go_on(
    make_gateway: MakeGateway,
) -> None:
    gateway = make_gateway(request_seconds=0.1)
    gateway.transport.inject(PAYMENTS, FaultKind.HANG, matches=lambda r: r.method == "POST")
    async with gateway.transport:
        document = problem(await gateway.post("/payments"), 504, "upstream_timeout")

    assert "same Idempotency-Key" in document["detail"]
    assert len([r for r in gateway.transport.requests if r.method == "POST"]) == 2


async def test_a_lost_answer_is_504_and_nothing_is_sent_again(gateway: Gateway) -> None:
    gateway.transport.inject(PAYMENTS, FaultKind.LOSE_ACKNOWLEDGEMENT)

    document = problem(await gateway.post("/payments"), 504, "upstream_connection_lost")

    assert "same Idempotency-Key" in document["detail"]
    assert len(gateway.services["payments"].arrived) == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_request_lost_on_its_way_is_not_sent_again(gateway: Gateway, method: str) -> None:
    gateway.transport.inject(PAYMENTS, FaultKind.LOSE_REQUEST, times=1)

    refused = await gateway.send(method, "/payments")

    problem(refused, 504, "upstream_connection_lost")
    assert gateway.arrivals() == 0


async def test_a_service_that_keeps_failing_is_spared_and_readyz_says_so(gateway: Gateway) -> None:
    gateway.transport.inject(PAYMENTS, FaultKind.UNREACHABLE)
    for _ in range(20):
        await gateway.get("/payments")

    problem(await gateway.get("/payments"), 503, "upstream_unavailable")
    assert (await gateway.get("/rates")).status == 200
    ready = await gateway.get("/readyz", key=None)
    assert ready.status == 200
    assert ready.json()["upstreams"] == {
        "payments": "open",
        "fx": "closed",
        "wallet": "closed",
        "risk": "closed",
        "webhooks": "closed",
    }


async def test_the_gateway_lives_and_is_ready_without_any_service(gateway: Gateway) -> None:
    for name in gateway.services:
        gateway.transport.inject(f"http://{name}.test", FaultKind.UNREACHABLE)

    assert (await gateway.get("/healthz", key=None)).status == 200
    assert (await gateway.get("/readyz", key=None)).status == 200
    assert (await gateway.get("/openapi.json", key=None)).status == 200


async def test_a_fault_of_the_gateways_own_is_a_problem_document(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(gateway.keys, "verify", broken)

    problem(await gateway.get("/rates"), 500, "internal")

"""What goes through the gateway, and what does not, in both directions."""

import pytest
from tests.api_gateway.harness import Gateway, MakeGateway


async def test_a_request_reaches_its_service_byte_for_byte(gateway: Gateway) -> None:
    body = b'{ "amount" : 188.520,\n "note":"\\u00e9 \xc3\xa9 \x00" }'

    await gateway.post("/payments?x=%C3%A9&x=2&empty=", body)

    arrived = gateway.services["payments"].arrived[0]
    assert arrived.body == body
    assert arrived.method == "POST"
    assert arrived.target == "/payments?x=%C3%A9&x=2&empty="


async def test_an_answer_comes_back_byte_for_byte(gateway: Gateway) -> None:
    wallet = gateway.services["wallet"]
    wallet.status = 207
    wallet.body = b'{"b" :1.50,\r\n"a":"\xff\xfe"}'
    wallet.headers = [
        (b"content-type", b"application/vnd.kurs+json; v=1"),
        (b"location", b"/accounts/a-1"),
        (b"idempotent-replayed", b"true"),
        (b"link", b"<a>; rel=next"),
        (b"link", b"<b>; rel=prev"),
    ]

    answer = await gateway.get("/accounts/a-1")

    assert answer.status == 207
    assert answer.body == wallet.body
    relayed = [(n, v) for n, v in answer.raw_headers if n in dict(wallet.headers)]
    assert relayed == wallet.headers
    assert answer.headers["content-length"] == str(len(wallet.body))


async def test_errors_of_a_service_are_relayed_and_not_rewritten(gateway: Gateway) -> None:
    fx = gateway.services["fx"]
    fx.status, fx.body = 500, b'{"code":"internal"}'

    answer = await gateway.get("/rates")

    assert (answer.status, answer.body) == (500, fx.body)


async def test_an_answer_without_content_has_no_length(gateway: Gateway) -> None:
    fx = gateway.services["fx"]
    fx.status, fx.body, fx.headers = 304, b"", [(b"etag", b'"1"')]

    answer = await gateway.get("/rates", headers={"If-None-Match": '"1"'})

    assert answer.status == 304
    assert "content-length" not in answer.headers
    assert fx.arrived[0].header("if-none-match") == '"1"'


async def test_hop_by_hop_headers_of_a_service_stay_behind(gateway: Gateway) -> None:
    gateway.services["fx"].headers = [
        (b"connection", b"keep-alive, x-internal"),
        (b"keep-alive", b"timeout=5"),
        (b"transfer-encoding", b"chunked"),
        (b"upgrade", b"h2c"),
        (b"server", b"uvicorn"),
        (b"date", b"Tue, 24 Nov 2026 06:25:00 GMT"),
        (b"proxy-authenticate", b"Basic"),
        (b"etag", b'"1"'),
    ]

    answer = await gateway.get("/rates")

    names = {name for name, _ in answer.raw_headers}
    assert b"etag" in names
    assert not names & {
        b"connection",
        b"keep-alive",
        b"transfer-encoding",
        b"upgrade",
        b"server",
        b"date",
        b"proxy-authenticate",
    }


@pytest.mark.parametrize(
    "name",
    [
        "X-Kurs-Anything",
        "x-KURS-internal",
        "Forwarded",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Real-IP",
        "Cookie",
        "Authorization",
        "Proxy-Authorization",
        "TE",
        "Upgrade",
        "Tracestate",
        "X-HTTP-Method-Override",
    ],
)
async def test_headers_that_a_service_would_believe_are_stripped(
    gateway: Gateway, name: str
) -> None:
    sent = {} if name == "Authorization" else {name: "trailers"}

    await gateway.get("/rates", headers=sent)

    assert gateway.services["fx"].arrived[0].header(name) is None


async def test_baggage_names_the_merchant_of_the_key_and_nothing_of_the_clients(
    gateway: Gateway,
) -> None:
    await gateway.get("/rates", headers={"Baggage": "merchant=other,secret=1"})

    assert gateway.services["fx"].arrived[0].header("Baggage") == "merchant=shop"


async def test_a_caller_cannot_choose_its_merchant_or_roles(gateway: Gateway) -> None:
    key = gateway.add_key("other", "read")
    gateway.reload()

    await gateway.get(
        "/payments/p-1",
        key=key,
        headers={
            "X-Kurs-Merchant": "shop",
            "X-Kurs-Key-Id": "k",
            "x-kurs-roles": "audit,pay,read,refund,review,treasury",
            "X-Request-Deadline": "99999999",
        },
    )

    arrived = gateway.services["payments"].arrived[0]
    assert arrived.header("X-Kurs-Merchant") == "other"
    assert arrived.header("X-Kurs-Key-Id") == gateway.entries[-1].id
    assert arrived.header("X-Kurs-Roles") == "read"
    assert 0 < int(arrived.header("X-Request-Deadline") or "") <= 10_000


async def test_what_a_service_needs_is_passed_on(gateway: Gateway) -> None:
    passed = {
        "Content-Type": "application/json; charset=utf-8",
        "Accept": "application/json",
        "Idempotency-Key": "order-17",
        "User-Agent": "shop/1.0",
    }

    await gateway.post("/payments", headers=passed)

    arrived = gateway.services["payments"].arrived[0]
    assert {name: arrived.header(name) for name in passed} == passed


async def test_a_trace_from_outside_is_continued_when_trusted(gateway: Gateway) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"

    await gateway.get("/rates", headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})

    assert trace in (gateway.services["fx"].arrived[0].header("traceparent") or "")


async def test_a_trace_from_outside_is_only_linked_when_not_trusted(
    make_gateway: MakeGateway,
) -> None:
    gateway = make_gateway(trust_traceparent=False)
    trace = "0af7651916cd43dd8448eb211c80319c"

    async with gateway.transport:
        await gateway.get("/rates", headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})

    assert trace not in (gateway.services["fx"].arrived[0].header("traceparent") or "")
    spans = gateway.telemetry.spans()
    links = [f"{link.context.trace_id:032x}" for span in spans for link in span.links]
    assert trace in links


async def test_durations_are_labelled_by_template_and_never_by_path(gateway: Gateway) -> None:
    await gateway.get("/payments/p-123")
    await gateway.get("/accounts/a-123/entries")
    await gateway.get("/nowhere/p-123")

    metrics = (await gateway.get("/metrics", key=None)).body.decode()
    assert 'http_route="/payments/{payment_id}"' in metrics
    assert 'http_route="/accounts/{account_id}/entries"' in metrics
    assert "p-123" not in metrics
    assert "a-123" not in metrics


@pytest.mark.parametrize("status", [200, 202, 400, 500, 502, 503, 504])
async def test_what_the_promises_of_payments_count_is_there_before_the_first_one(
    gateway: Gateway, status: int
) -> None:
    metrics = (await gateway.get("/metrics", key=None)).body.decode()

    labels = f'method="POST",http_response_status_code="{status}",http_route="/payments"'
    assert f"http_server_request_duration_seconds_count{{http_request_{labels}}} 0.0" in metrics

"""What a key may do, until when, and from where."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError
from tests.api_gateway.harness import Client, Gateway, MakeGateway, problem, until

from api_gateway.client_address import ClientAddresses
from api_gateway.key_entry import KeyEntry
from api_gateway.settings import GatewaySettings
from kurs.calls import Response
from kurs.kernel.clock import to_rfc3339
from kurs.telemetry import Telemetry
from kurs_testing.clock import ManualClock

HOUR = 3600


async def test_an_expired_key_is_401_and_says_so(make_gateway: MakeGateway) -> None:
    clock = ManualClock()
    gateway = make_gateway(clock=clock)
    end = to_rfc3339(clock.now() + HOUR * 1_000_000)
    key = gateway.add_key("shop", "read", not_after=end)
    async with gateway.transport:
        clock.advance(seconds=HOUR - 1)
        assert (await gateway.get("/rates", key=key)).status == 200

        clock.advance(seconds=1)
        refused = await gateway.get("/rates", key=key)

    problem(refused, 401, "key_expired")
    assert 'error="invalid_token"' in refused.headers["www-authenticate"]


async def _from(gateway: Gateway, address: str, **headers: str) -> Response:
    fields = {"Authorization": f"Bearer {gateway.key}", **headers}
    client = Client(gateway.app, "GET", "/rates", fields)
    client.scope["client"] = (address, 1)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    return await client.run(receive)


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("203.0.113.7", 200),
        ("::ffff:203.0.113.7", 200),
        ("2001:db8::1", 200),
        ("203.0.114.7", 403),
        ("2001:db9::1", 403),
        ("nowhere", 403),
    ],
)
async def test_a_key_may_be_bound_to_networks(gateway: Gateway, address: str, status: int) -> None:
    gateway.key = gateway.add_key("shop", "read", addresses=["203.0.113.0/24", "2001:db8::/32"])
    gateway.reload()

    answer = await _from(gateway, address, **{"X-Forwarded-For": "203.0.113.9"})

    if status == 200:
        assert answer.status == 200
    else:
        problem(answer, 403, "address_not_allowed")


@pytest.mark.parametrize(
    ("header", "value", "address"),
    [
        ("X-Forwarded-For", "1.1.1.1, 203.0.113.9", "203.0.113.9"),
        ("X-Forwarded-For", "1.1.1.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("X-Forwarded-For", "203.0.113.9:4711", "203.0.113.9"),
        ("X-Forwarded-For", "10.0.0.3", "10.0.0.3"),
        ("X-Forwarded-For", "203.0.113.9, garbage", None),
        ("Forwarded", 'for=1.1.1.1;proto=https, for="[2001:db8::1]:443"', "2001:db8::1"),
        ("Forwarded", "for=1.1.1.1, for=unknown", None),
        ("Forwarded", "by=10.0.0.1;For=203.0.113.9;proto=http", "203.0.113.9"),
        ("Other", "for=1.1.1.1", "10.0.0.1"),
    ],
)
def test_behind_trusted_proxies_hops_are_read_from_the_right(
    header: str, value: str, address: str | None
) -> None:
    addresses = ClientAddresses("10.0.0.0/8", "Forwarded" if header == "Forwarded" else header)
    fields = [(header.lower().encode(), value.encode())] if header != "Other" else []

    found = addresses.of({"client": ("10.0.0.1", 1), "headers": fields})

    assert (None if found is None else str(found)) == address


def test_a_stranger_is_no_proxy() -> None:
    addresses = ClientAddresses("10.0.0.0/8", "X-Forwarded-For")

    found = addresses.of(
        {"client": ("198.51.100.1", 1), "headers": [(b"x-forwarded-for", b"10.0.0.9")]}
    )

    assert str(found) == "198.51.100.1"


def test_hops_of_several_lines_are_one_list() -> None:
    lines = [(b"x-forwarded-for", b"1.1.1.1"), (b"x-forwarded-for", b"203.0.113.9, 10.0.0.2")]
    addresses = ClientAddresses("10.0.0.0/8", "X-Forwarded-For")

    assert str(addresses.of({"client": ("10.0.0.1", 1), "headers": lines})) == "203.0.113.9"


@pytest.mark.parametrize(
    "wrong", [{"trusted_proxies": "10.0.0.0/33"}, {"platform_merchants": "a b"}]
)
def test_settings_that_cannot_be_are_refused_at_start(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        GatewaySettings(**wrong)


async def test_roles_of_the_platform_do_not_count_on_another_merchants_key(
    make_gateway: MakeGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    telemetry = Telemetry.create(
        "api-gateway", instance="test", trace_ratio=0, otlp_endpoint="", log_level="info"
    )
    gateway = make_gateway(telemetry=telemetry, platform_merchants="bank, other-bank")
    bank = gateway.add_key("bank", "treasury", "audit")
    async with gateway.transport:
        problem(await gateway.post("/deposits"), 403, "role_missing")
        problem(await gateway.get("/thresholds"), 403, "role_missing")
        assert (await gateway.get("/rates")).status == 200
        assert (await gateway.post("/deposits", key=bank)).status == 200
    arrived = gateway.services["fx"].arrived[0]
    assert arrived.header("X-Kurs-Roles") == "pay,read,refund,review,webhooks"
    (line,) = _lines(capsys, event_begins="roles of the platform")
    assert (line["merchant"], line["roles"]) == ("shop", ["treasury", "audit"])


@pytest.mark.parametrize(
    ("platform", "roles"),
    [(False, {"pay", "review"}), (True, {"pay", "refund", "review", "treasury", "audit"})],
)
def test_operate_of_an_old_file_is_review_and_of_the_platform_what_it_was(
    platform: bool, roles: set[str]
) -> None:
    entry = KeyEntry.model_validate(
        {"id": "k1", "merchant": "shop", "roles": ["pay", "operate"], "sha256": "0" * 64}
    )

    assert entry.roles_for(platform=platform) == roles


async def test_any_number_of_keys_is_in_force(gateway: Gateway) -> None:
    keys = [gateway.add_key("shop", "read", name=f"till {n}") for n in range(20)]
    gateway.reload()

    assert {(await gateway.get("/rates", key=key)).status for key in keys} == {200}


async def test_refused_authentications_and_changes_of_keys_are_audited(
    make_gateway: MakeGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = ManualClock()
    telemetry = Telemetry.create(
        "api-gateway", instance="test", trace_ratio=0, otlp_endpoint="", log_level="error"
    )
    gateway = make_gateway(clock=clock, telemetry=telemetry, rate_limit="100000/second")
    end = to_rfc3339(clock.now() + 24 * HOUR * 1_000_000)
    async with gateway.transport:
        ending = gateway.add_key("late", "read", name="till 4", not_after=end)
        await until(lambda: len(gateway.keys) == 2)
        gauge = telemetry.registry.get_sample_value
        assert gauge("kurs_gateway_keys_expiring") == 1
        clock.advance(seconds=25 * HOUR)
        await gateway.get("/rates", key=ending)
        assert gauge("kurs_gateway_keys_expiring") == 0
        gateway.entries.pop()
        gateway.write_keys()
        await until(lambda: len(gateway.keys) == 1)
        for _ in range(40):
            await gateway.get("/rates", key=ending)
    lines = _lines(capsys, event_begins="audit")

    by_key = [line for line in lines if line["action"] == "key"]
    assert [line["outcome"] for line in by_key] == ["added", "expires_soon", "removed"]
    for line in by_key:
        assert (line["merchant"], line["name"], line["roles"]) == ("late", "till 4", ["read"])
        assert line["key_id"]
        assert "sha256" not in line
    refused = [line for line in lines if line["action"] == "authenticate"]
    assert (refused[0]["actor"], refused[0]["outcome"]) == (
        f"late/{by_key[0]['key_id']}",
        "key_expired",
    )
    assert (refused[1]["actor"], refused[1]["outcome"]) == ("unknown", "key_invalid")
    assert (refused[1]["route"], refused[1]["method"]) == ("/rates", "GET")
    assert len(refused) < 41
    assert gauge("kurs_gateway_refusals_total", {"code": "key_invalid"}) == 40


async def test_the_access_log_names_merchant_and_key(
    make_gateway: MakeGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    telemetry = Telemetry.create(
        "api-gateway", instance="test", trace_ratio=0, otlp_endpoint="", log_level="info"
    )
    gateway = make_gateway(telemetry=telemetry, access_log=True)
    async with gateway.transport:
        await gateway.get("/payments/p-1?cursor=secret")
        await gateway.get("/rates", key=None)
        await gateway.get("/readyz", key=None)
    paid, refused = _lines(capsys, event_begins="request")

    assert paid["actor"] == f"shop/{gateway.entries[0].id}"
    assert (paid["route"], paid["status"]) == ("/payments/{payment_id}", 200)
    assert "secret" not in str(paid)
    assert (refused["actor"], refused["status"]) == ("unknown", 401)


def _lines(capsys: pytest.CaptureFixture[str], *, event_begins: str) -> list[dict[str, Any]]:
    def lines() -> Iterator[dict[str, Any]]:
        for text in capsys.readouterr().out.splitlines():
            line = json.loads(text)
            if line["event"].startswith(event_begins):
                yield line

    return list(lines())

"""Who gets in, what those who do not are told, and that no secret is told to anyone."""

from pathlib import Path

import pytest
from tests.api_gateway.harness import Gateway, problem

from api_gateway.key_text import checksum, new_key
from kurs.telemetry import Telemetry


async def test_no_key_is_401_with_a_challenge(gateway: Gateway) -> None:
    refused = await gateway.get("/rates", key=None)

    problem(refused, 401, "key_required")
    assert refused.headers["www-authenticate"] == 'Bearer realm="kurs"'
    assert gateway.arrivals() == 0


@pytest.mark.parametrize("value", ["Basic c2hvcDpzaG9w", "Bearer", "Token {key}", "{key}", ""])
async def test_another_scheme_is_told_how_to_send_a_key(gateway: Gateway, value: str) -> None:
    header = {"Authorization": value.format(key=gateway.key)}

    refused = await gateway.get("/rates", key=None, headers=header)

    assert refused.status == 401
    assert "Bearer" in refused.headers["www-authenticate"]


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_scheme_is_read_in_any_case(gateway: Gateway, scheme: str) -> None:
    header = {"Authorization": f"{scheme} {gateway.key}"}

    assert (await gateway.get("/rates", key=None, headers=header)).status == 200


def _other_secret(key: str) -> str:
    prefix, environment, key_id, secret, _ = key.split("_")
    body = f"{prefix}_{environment}_{key_id}_{'0' * len(secret)}"
    return f"{body}_{checksum(body)}"


@pytest.mark.parametrize(
    "forge",
    [
        lambda key: key[:-1] + ("0" if key[-1] != "0" else "1"),
        lambda key: key[:-9],
        lambda _: new_key("test")[1],
        _other_secret,
        lambda _: "x" * 10_000,
        lambda _: "kurs_test_\xe9_" + "0" * 48 + "_00000000",
    ],
    ids=["checksum", "cut off", "unknown id", "other secret", "long", "not ascii"],
)
async def test_a_wrong_key_is_401_invalid_token(gateway: Gateway, forge) -> None:
    forged = forge(gateway.key)

    refused = await gateway.get("/rates", key=forged)

    document = problem(refused, 401, "key_invalid")
    assert 'error="invalid_token"' in refused.headers["www-authenticate"]
    assert forged not in str(document)
    assert gateway.arrivals() == 0


async def test_a_key_sent_twice_is_refused(gateway: Gateway) -> None:
    headers = gateway.headers(gateway.key)
    headers.add("Authorization", f"Bearer {gateway.key}")

    problem(await gateway.get("/rates", key=None, headers=headers), 400, "duplicate_header")


async def test_an_idempotency_key_sent_twice_is_refused(gateway: Gateway) -> None:
    headers = gateway.headers(gateway.key)
    headers.add("Idempotency-Key", "one")
    headers.add("Idempotency-Key", "two")

    answer = await gateway.post("/payments", key=None, headers=headers)

    problem(answer, 400, "duplicate_header")
    assert gateway.arrivals() == 0


@pytest.mark.parametrize(
    "query",
    [
        "api_key={key}",
        "x=1&access_token={key}",
        "{key}",
        "cursor={key}",
        "cursor=kurs%5F{rest}",
        "key=anything",
        "Authorization=Bearer+x",
    ],
)
async def test_a_key_in_the_url_is_refused_even_with_a_good_header(
    gateway: Gateway, query: str
) -> None:
    target = "/payments?" + query.format(key=gateway.key, rest=gateway.key[5:])

    document = problem(await gateway.get(target), 400, "key_in_query")

    assert "replace this key" in document["detail"]
    assert gateway.key not in str(document)
    assert gateway.arrivals() == 0


async def test_a_cursor_is_no_key(gateway: Gateway) -> None:
    assert (await gateway.get("/payments?cursor=a_b_c&account=key")).status == 200


async def test_an_unknown_path_says_so_before_it_asks_for_a_key(gateway: Gateway) -> None:
    problem(await gateway.get("/nowhere", key=None), 404, "not_found")


async def test_no_secret_reaches_a_log_an_answer_or_a_metric(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    telemetry = Telemetry.create(
        "api-gateway", instance="test", trace_ratio=1.0, otlp_endpoint="", log_level="debug"
    )
    gateway = Gateway(tmp_path, telemetry=telemetry)
    secret = gateway.key.split("_")[3]
    tails: list[bytes] = []

    async with gateway.transport:

        async def fail(*_: object) -> None:
            raise RuntimeError("a fault")

        gateway.services["payments"].handle = fail
        gateway.keys_file.write_text(f'["{gateway.key}"]')
        gateway.keys.reload_if_changed()
        for target, key in (
            (f"/payments?api_key={gateway.key}", gateway.key),
            (f"/payments?cursor={gateway.key}", None),
            (f"/payments/{gateway.key}%2F", gateway.key),
            ("/payments", gateway.key[:-1]),
            ("/payments", _other_secret(gateway.key)),
            ("/payments/p-1", gateway.key),
            ("/nowhere", gateway.key),
        ):
            answer = await gateway.get(target, key=key)
            tails.append(answer.body + repr(answer.raw_headers).encode())
        tails.append((await gateway.get("/metrics", key=None)).body)

    captured = capsys.readouterr()
    everything = captured.out + captured.err + b"".join(tails).decode()
    assert "keys loaded" in captured.out
    assert secret not in everything

"""Bad input on every route: a 4xx problem that names the field; nothing is stored or logged."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from kurs.calls import Request, Response
from kurs_testing.joined import GATEWAY, JoinedGateway
from kurs_testing.problems import assert_problem

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAYMENT = {
    "payment_id": "p1",
    "amount": "10.00",
    "currency": "USD",
    "source_account": "alice",
    "destination_account": "bob",
}
QUOTE = {"source_currency": "USD", "destination_currency": "IDR", "source_amount": "10.00"}
DEPOSIT = {"deposit_id": "d1", "account_id": "alice", "currency": "USD", "amount": "10.00"}
ACCOUNT = {"account_id": "carol", "settlement_currency": "IDR"}
SCORE = {
    "payment_id": "s1",
    "amount": "10.00",
    "currency": "USD",
    "source_account": "alice",
    "destination_account": "bob",
}
BODIES: dict[str, dict[str, Any]] = {
    "/payments": PAYMENT,
    "/quotes": QUOTE,
    "/deposits": DEPOSIT,
    "/accounts": ACCOUNT,
    "/score": SCORE,
}
BAD_ID = ["", "x" * 65, "a/b/c", "a/", "/b", f"a/{'x' * 65}", "a b", "../x", "a\u0000b", "\ud800",
          "-a", 7, True, None, [], {}]  # fmt: skip
BAD_AMOUNT = ["", "0", "-1", "1e5", "NaN", "1.2345", "9" * 30, "1,5", " 1", True, [], {}, 0, -1]
BAD_CURRENCY = ["", "usd", "US", "USDX", "ABC", "XAU", 7, None, []]
BAD_TEXT = ["x" * 501, "a\u0000b", "a\u001bb", "a\u0085b", "a\u202eb", "a\u200bb", "a\u2028b",
            "\ue000", 7, []]  # fmt: skip
BAD_METADATA = [[], "x", {"": "x"}, {"a b": "x"}, {"a": 1}, {"a": "x" * 501},
                {"a": "a\u2066b"}, {"a\u200b": "x"},
                {f"k{i}": "x" for i in range(21)}]  # fmt: skip
BY_FIELD = {
    "amount": BAD_AMOUNT,
    "source_amount": BAD_AMOUNT,
    "currency": BAD_CURRENCY,
    "source_currency": BAD_CURRENCY,
    "destination_currency": BAD_CURRENCY,
    "settlement_currency": [c for c in BAD_CURRENCY if c is not None],
}
OPTIONAL = {"/payments": {"payment_id"}, "/accounts": {"settlement_currency"}}


def wrong_values() -> Iterator[tuple[str, str, Any]]:
    for path, body in BODIES.items():
        for field in body:
            for value in BY_FIELD.get(field, BAD_ID):
                if value is None and field in OPTIONAL.get(path, ()):
                    continue
                yield path, field, value
    for value in BAD_TEXT:
        yield "/payments", "description", value
    for value in BAD_METADATA:
        yield "/payments", "metadata", value
    for value in ("later", "", 1, None):
        yield "/payments", "capture", value
    yield "/payments", "quote", "x" * 5000


WRONG = list(wrong_values())
RAW = {
    "not JSON": b"amount=1",
    "half a body": b'{"amount": "1',
    "NaN": b'{"amount": NaN}',
    "Infinity": b'{"amount": -Infinity}',
    "a list": b"[]",
    "a string": b'"x"',
    "null": b"null",
    "empty": b"",
    "deep nest": b'{"metadata": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "not UTF-8": b'{"payment_id": "\xff\xfe"}',
    "twelve characters": b'{"amount": 1e999999999}',
    "a name twice": b'{"amount": "1.00", "amount": "100.00"}',
    "UTF-16": json.dumps(PAYMENT).encode("utf-16"),
    "UTF-32": json.dumps(PAYMENT).encode("utf-32-le"),
    "a byte order mark": json.dumps(PAYMENT).encode("utf-8-sig"),
    "half a pair": b'{"payment_id": "\\ud800"}',
    "5,000 digits": b'{"amount": ' + b"9" * 5000 + b"}",
    "2 MiB": json.dumps({**PAYMENT, "description": "x" * 2**21}).encode(),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    folder = tmp_path_factory.mktemp("bad") / "kurs"
    samples = Path(__file__).parents[1] / "data" / "resources"
    async with JoinedGateway(folder, samples) as joined:
        await joined.open_and_fund("alice", USD="1000.00")
        await joined.open_and_fund("bob")
        yield joined
        assert joined.transport.errors == []
        stored = (await joined.call("GET", "/payments")).json()
        assert stored["items"] == []
        assert await joined.balance("alice", "USD") == "1000.00"


@pytest.mark.parametrize("path", BODIES)
async def test_wrong_values_name_their_field(gateway: JoinedGateway, path: str) -> None:
    for _, field, value in (case for case in WRONG if case[0] == path):
        answer = await gateway.call("POST", path, {**BODIES[path], field: value})
        errors = assert_problem(answer, case=f"{path} {field}={value!r:.60}")["errors"]
        assert any(error["field"].split(".")[0] == field for error in errors), (
            field,
            value,
            errors,
        )
        assert all(error["message"] for error in errors)


@pytest.mark.parametrize("path", BODIES)
async def test_missing_and_unknown_fields_are_named(gateway: JoinedGateway, path: str) -> None:
    for field in BODIES[path]:
        if field in OPTIONAL.get(path, ()):
            continue
        body = {key: value for key, value in BODIES[path].items() if key != field}
        problem = assert_problem(await gateway.call("POST", path, body), status=422, case=field)
        assert field in {error["field"] for error in problem["errors"]} or path == "/quotes"
    answer = await gateway.call("POST", path, {**BODIES[path], "amout": "1"})
    assert "amout" in {error["field"] for error in assert_problem(answer)["errors"]}


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("kind", RAW)
async def test_unreadable_bodies(gateway: JoinedGateway, path: str, kind: str) -> None:
    answer = await gateway.call("POST", path, RAW[kind])
    problem = assert_problem(answer, case=f"{path} {kind}")
    assert all(error["message"] and error["hint"] for error in problem["errors"])
    assert problem["errors"] or problem["status"] == 413


@pytest.mark.parametrize("path", ["/payments", "/quotes", "/deposits", "/score"])
@pytest.mark.parametrize("number", ["1e999999999", "1e-400", "9" * 4000], ids=lambda n: n[:12])
async def test_numbers_that_no_amount_has(gateway: JoinedGateway, path: str, number: str) -> None:
    body = json.dumps(BODIES[path]).replace('"10.00"', number)
    problem = assert_problem(await gateway.call("POST", path, body.encode()), status=422)
    assert [e["field"].removeprefix("source_") for e in problem["errors"]] == ["amount"]


@pytest.mark.parametrize(
    "path",
    [
        "/payments/a%2Fb", "/payments/..%2f..", "/payments/%00", "/payments/" + "x" * 65,
        "/payments/p1/refunds/x", "/payments?limit=0", "/payments?limit=x", "/payments?status=PAID",
        "/payments?cursor=%00", "/payments?cursor=!!!", "/payments?account=a/b/c", "/balance/a b",
        "/balance/%20", "/accounts/nobody/entries?limit=1000", "/accounts/nobody", "/nothing",
        "/rate?base=USD", "/rate?base=USD&quote=usd", "/convert?from=USD&to=IDR&amount=NaN",
        "/convert?from=USD&to=IDR&amount=1e400", "/convert?from=USD&to=IDR&amount=-1",
        "/convert?from=USD&to=IDR", "/decisions/nobody", "/payments/events?after=-1",
    ],
)  # fmt: skip
async def test_bad_addresses(gateway: JoinedGateway, path: str) -> None:
    assert_problem(await gateway.call("GET", path), case=path)


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/payments?stauts=FAILED", "stauts"),
        ("/payments?limit=5&limit=6", "limit"),
        ("/payments/events?since=1", "since"),
        ("/accounts/alice/entries?page=2", "page"),
        ("/accounts/alice/entries?limit=1&limit=1", "limit"),
        ("/rate?base=USD&quote=IDR&base=EUR", "base"),
        ("/convert?from=USD&to=IDR&amount=1&round=up", "round"),
    ],
)
async def test_unknown_and_repeated_parameters_are_named(
    gateway: JoinedGateway, path: str, field: str
) -> None:
    problem = assert_problem(await gateway.call("GET", path), status=422, case=path)
    assert [error["field"] for error in problem["errors"]] == [field]


@pytest.mark.parametrize("content", [f"{2**63}|demo:p", "-1|demo:p", "1|demo:\0", "1", "x|y"])
async def test_forged_cursors(gateway: JoinedGateway, content: str) -> None:
    cursor = base64.urlsafe_b64encode(content.encode()).decode()
    answer = await gateway.call("GET", f"/payments?cursor={cursor}")
    problem = assert_problem(answer, status=400, code="cursor_invalid")
    assert problem["errors"][0]["message"] == "the cursor is not one of ours"


@pytest.mark.parametrize("key", ["a b", "x" * 256, "\x7f"])
async def test_bad_idempotency_keys(gateway: JoinedGateway, key: str) -> None:
    answer = await gateway.call("POST", "/payments", PAYMENT, headers={"idempotency-key": key})
    problem = assert_problem(answer, status=400)
    assert problem["errors"][0]["field"] == "Idempotency-Key"


async def test_a_payment_that_nothing_names_is_refused(gateway: JoinedGateway) -> None:
    """Sent again for want of an answer it would pay twice."""
    nameless = {name: value for name, value in PAYMENT.items() if name != "payment_id"}

    answer = await gateway.call("POST", "/payments", nameless)

    assert_problem(answer, status=400, code="idempotency_key_required")


async def test_a_deposit_takes_no_idempotency_key_but_its_own_id(gateway: JoinedGateway) -> None:
    body = {"deposit_id": "d1", "account_id": "nobody", "currency": "USD", "amount": "1.00"}

    other = await gateway.call("POST", "/deposits", body, headers={"idempotency-key": "other"})
    own = await gateway.call("POST", "/deposits", body, headers={"idempotency-key": "d1"})

    assert_problem(other, status=400, code="idempotency_key_not_taken")
    assert_problem(own, status=404, code="account_not_found")


@pytest.mark.parametrize("action", ["capture", "void", "approve", "refuse", "refunds"])
@pytest.mark.parametrize("kind", [kind for kind in RAW if kind != "empty"])
async def test_unreadable_bodies_of_actions(gateway: JoinedGateway, action: str, kind: str) -> None:
    """They are refused before the payment is looked for, so none has to be there."""
    path = f"/payments/none/{action}"
    answer = await gateway.call("POST", path, RAW[kind], headers={"idempotency-key": "k"})
    problem = assert_problem(answer, case=f"{path} {kind}")
    assert problem["status"] != 404


@pytest.mark.parametrize("action", ["capture", "void", "approve", "refuse", "refunds"])
@pytest.mark.parametrize("body", [{"amout": "1"}, {"amount": None}, [], "x"], ids=str)
async def test_wrong_bodies_of_actions(gateway: JoinedGateway, action: str, body: Any) -> None:
    path = f"/payments/none/{action}"
    answer = await gateway.call("POST", path, body, headers={"idempotency-key": "k"})
    problem = assert_problem(answer, status=422, case=f"{path} {body}")
    assert set(body if isinstance(body, dict) else ["body"]) <= {
        error["field"] for error in problem["errors"]
    }


async def test_bad_actions(gateway: JoinedGateway) -> None:
    for action in ("capture", "void", "approve", "refuse", "refunds"):
        path = f"/payments/none/{action}"
        answer = await gateway.call(
            "POST", path, {"amount": "1"} if action in ("capture", "refunds") else None,
            headers={"idempotency-key": "k"},
        )  # fmt: skip
        assert_problem(answer, status=404, case=path)
    answer = await gateway.call("POST", "/payments/none/refunds", {"amount": "1"})
    assert_problem(answer, status=400, code="idempotency_key_required")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_other_methods(gateway: JoinedGateway, method: str) -> None:
    answer = await gateway.call(method, "/payments")
    assert_problem(answer, status=405)
    assert answer.headers["allow"]


@pytest.mark.parametrize("path", ["/transfers/batch", "/score/batch", "/quotes/batch"])
async def test_batch_routes_are_not_reachable(gateway: JoinedGateway, path: str) -> None:
    assert_problem(await gateway.call("POST", path, {"items": []}), status=404)


async def test_a_wrong_key_is_refused_and_never_shown(
    gateway: JoinedGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = gateway.key[:-6] + "abcdef"
    request = Request("GET", f"{GATEWAY}/rates")
    request.headers["authorization"] = f"Bearer {secret}"
    answer: Response = await gateway.transport.send(request)
    assert_problem(answer, status=401)
    assert secret not in answer.body.decode()
    output = capsys.readouterr()
    assert secret not in output.out + output.err

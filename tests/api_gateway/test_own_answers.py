"""What the gateway answers of its own: whose key it is, and the currencies."""

from datetime import UTC, datetime

import pytest
from tests.api_gateway.harness import Gateway, problem

from kurs.kernel.money import exponent

ENDS = datetime(2036, 1, 2, tzinfo=UTC)


async def test_a_key_is_told_whose_it_is_and_what_it_may_do(gateway: Gateway) -> None:
    key = gateway.add_key("rival", "read", "pay", name="Till 4", not_after=ENDS)
    gateway.reload()

    answer = await gateway.get("/whoami", key=key)

    assert answer.status == 200
    assert answer.json() == {
        "merchant": "rival",
        "key_id": gateway.entries[-1].id,
        "key_name": "Till 4",
        "roles": ["pay", "read"],
        "environment": "test",
        "not_after": "2036-01-02T00:00:00Z",
    }
    assert "ratelimit" in answer.headers


async def test_roles_that_do_not_count_are_not_told(gateway: Gateway) -> None:
    key = gateway.add_key("rival", "read", "audit")
    gateway.reload()

    assert (await gateway.get("/whoami", key=key)).json()["roles"] == ["read"]


async def test_every_currency_has_the_decimals_that_amounts_are_read_by(gateway: Gateway) -> None:
    key = gateway.add_key("rival", "pay")
    gateway.reload()

    listed = (await gateway.get("/currencies", key=key)).json()["currencies"]

    by_code = {each["code"]: each for each in listed}
    assert by_code["IDR"] == {"code": "IDR", "decimals": 2, "payable": True, "name": "Rupiah"}
    assert [by_code[code]["decimals"] for code in ("JPY", "HUF", "IQD")] == [0, 2, 3]
    assert all(each["decimals"] == exponent(each["code"]) for each in listed)
    assert len(listed) > 150


@pytest.mark.parametrize("path", ["/whoami", "/currencies"])
async def test_without_a_key_nothing_is_told(gateway: Gateway, path: str) -> None:
    problem(await gateway.get(path, key=None), 401, "key_required")
    problem(await gateway.get(path, key="kurs_test_nokey"), 401, "key_invalid")
    problem(await gateway.post(path), 405, "method_not_allowed")
    headers = {"Content-Type": "application/json"}
    answer = await gateway.send("GET", path, body=b"{}", headers={**headers, "Content-Length": "2"})
    problem(answer, 400, "unexpected_body")

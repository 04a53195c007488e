"""The keys of edges are rotated, and no payment fails, whichever end learns of a key first."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from secrets import token_hex
from typing import Any

import aiohttp
import pytest

from devstack.stack import Stack
from kurs.edges import EDGES
from kurs.edges.keys import file_name
from kurs.edges.table import edges_of
from kurs_testing.edges import write_keys
from kurs_testing.joined import JoinedGateway
from kurs_testing.waiting import eventually

SAMPLES = Path(__file__).parents[1] / "data" / "resources"
SERVICES = ("api-gateway", "payments", "fx", "wallet", "risk")
PATIENT = {"payment_seconds": 60.0, "lease_seconds": 90.0}
# Files are looked at once a second.
SEEN = 1.2


@pytest.fixture
async def apart(tmp_path: Path) -> AsyncIterator[JoinedGateway]:
    """Five apps, each with a folder of keys of its own, as five pods have."""
    overrides: dict[str, dict[str, Any]] = {
        name: {"edge_keys_dir": write_keys(tmp_path / f"keys-of-{name}")} for name in SERVICES
    }
    overrides["payments"].update(PATIENT)
    async with JoinedGateway(tmp_path / "kurs", SAMPLES, overrides=overrides) as joined:
        yield joined


@pytest.mark.parametrize("order", [SERVICES, SERVICES[::-1], SERVICES[1::2] + SERVICES[::2]])
async def test_it_does_not_matter_which_end_learns_of_a_key_first(
    apart: JoinedGateway, payment: Callable[..., dict[str, Any]], order: tuple[str, ...]
) -> None:
    await apart.open_and_fund("alice", USD="500.00")
    await apart.open_and_fund("ibu", settlement_currency="IDR")
    new = {edge: token_hex(32) for edge in EDGES}
    old = {edge: f"a-key-of-the-edge-{file_name(edge)}-for-tests" for edge in EDGES}
    outcomes = []
    for step in (lambda e: f"{new[e]},{old[e]}", lambda e: new[e]):
        for service in order:
            for edge in edges_of(service):
                folder = apart.folder.parent / f"keys-of-{service}"
                put(folder / file_name(edge), step(edge))
            await asyncio.sleep(SEEN)
            body = payment(f"p{len(outcomes)}", amount="1.00", destination_account="ibu")
            outcomes.append((await apart.call("POST", "/payments", body)).json()["status"])

    assert outcomes == ["CAPTURED"] * 10
    assert await apart.balance("alice", "USD") == "490.00"


async def test_under_load_no_payment_fails(payment: Callable[..., dict[str, Any]]) -> None:
    with await asyncio.to_thread(Stack, samples=SAMPLES) as stack:
        outcomes = await rotate_under_load(stack, payment)

    assert len(outcomes) > 20
    assert set(outcomes) == {(200, "CAPTURED")}


async def rotate_under_load(
    stack: Stack, payment: Callable[..., dict[str, Any]]
) -> list[tuple[int, str]]:
    """Pay from eight sides through a real stack while every edge's key is replaced twice."""
    headers = {"Authorization": f"Bearer {stack.api_key()}"}
    rotated, outcomes = asyncio.Event(), []
    async with aiohttp.ClientSession(stack.url("api-gateway"), headers=headers) as session:

        async def call(path: str, body: Any) -> tuple[int, Any]:
            async with session.post(path, json=body) as answer:
                return answer.status, await answer.json()

        async def payer(name: str) -> None:
            made = 0
            while not rotated.is_set():
                made += 1
                body = payment(f"{name}-{made}", amount="0.10", destination_account="ibu")
                status, told = await call("/payments", body)
                outcomes.append((status, told.get("status", told.get("code"))))

        await call("/accounts", [{"account_id": "alice"}, {"account_id": "ibu"}])
        deposit = {"deposit_id": "d", "account_id": "alice", "currency": "USD", "amount": "9000"}
        assert (await call("/deposits", deposit))[0] == 200
        await asyncio.gather(rotate(stack.folder.edge_keys, rotated), *map(payer, "abcdefgh"))
    return outcomes


async def rotate(folder: Path, rotated: asyncio.Event) -> None:
    """Give every edge `new,old` and then `new`, twice, one file at a time."""
    try:
        for _ in range(2):
            for step in ("{new},{old}", "{new}"):
                for edge in EDGES:
                    file = folder / file_name(edge)
                    now = file.read_text().strip()
                    new = token_hex(32) if "," not in now else now.split(",")[0]
                    put(file, step.format(new=new, old=now))
                await asyncio.sleep(SEEN)
    finally:
        rotated.set()


async def test_a_key_that_is_none_leaves_the_one_in_force(apart: JoinedGateway) -> None:
    for text in ("", "short", f"{'a' * 40},{'b' * 40},{'c' * 40}"):
        for service in SERVICES:
            for edge in edges_of(service):
                put(apart.folder.parent / f"keys-of-{service}" / file_name(edge), text)
        await asyncio.sleep(SEEN)
        assert (await apart.call("GET", "/payments")).status == 200


async def test_a_key_that_fits_no_more_is_no_business_of_the_merchants(
    apart: JoinedGateway,
) -> None:
    put(apart.folder.parent / "keys-of-wallet" / "api-gateway-wallet", token_hex(32))

    async def refused() -> bool:
        return (await apart.call("GET", "/balance/alice")).status == 503

    await eventually(refused)
    told = (await apart.call("GET", "/balance/alice")).json()
    assert told["code"] == "upstream_unavailable"
    assert "edge" not in str(told)


def put(file: Path, text: str) -> None:
    """Replace a file in one step."""
    new = file.with_suffix(".new")
    new.write_text(text)
    new.rename(file)

"""Keys of edges, merchants and quotes are rotated, and no payment fails."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from secrets import token_hex
from typing import Any

import aiohttp
import pytest

from api_gateway.key_entry import read_entries, render_entries
from api_gateway.keys import DEV_MERCHANT, issue
from devstack.stack import Stack
from devstack.topology import RunFolder
from kurs.edges import EDGES
from kurs.edges.keys import file_name
from kurs.edges.table import edges_of
from kurs.kernel.roles import ROLES
from kurs.quotes.keys import new_key_pair
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
    """Pay from eight sides through a real stack while all keys change, but the ledger's own."""
    rotated, outcomes, keys = asyncio.Event(), [], [stack.api_key()]
    async with aiohttp.ClientSession(stack.url("api-gateway")) as session:

        async def call(path: str, body: Any) -> tuple[int, Any]:
            headers = {"Authorization": f"Bearer {keys[-1]}"}
            async with session.post(path, json=body, headers=headers) as answer:
                return answer.status, await answer.json()

        async def payer(name: str) -> None:
            made = 0
            while not rotated.is_set():
                made += 1
                body = payment(f"{name}-{made}", amount="0.10", destination_account="ibu")
                status, told = await call("/payments", body)
                outcomes.append((status, told.get("status", told.get("code"))))

        ibu = {"account_id": "ibu", "settlement_currency": "IDR"}
        await call("/accounts", [{"account_id": "alice"}, ibu])
        deposit = {"deposit_id": "d", "account_id": "alice", "currency": "USD", "amount": "9000"}
        assert (await call("/deposits", deposit))[0] == 200
        await asyncio.gather(rotate(stack.folder, keys, rotated), *map(payer, "abcdefgh"))
        assert len(keys) == 3
        revoked = {"Authorization": f"Bearer {keys[0]}"}
        assert (await session.get("/rates", headers=revoked)).status == 401
    return outcomes


async def rotate(folder: RunFolder, keys: list[str], rotated: asyncio.Event) -> None:
    """Give all `new,old`, tell the payers their new key, and then give all `new`; twice.

    Of quotes, who verifies learns of the new key before fx signs with it, and forgets the old one
    when no quote by it is under way any more.
    """
    private, public = new_key_pair()
    quotes = folder.quote_verify_keys
    try:
        put(quotes, quotes.read_text() + public)
        for turn in range(2):
            if turn == 1:
                put(folder.quote_signing_keys, private)
            old = read_entries(folder.api_keys)
            key, entry = issue(old, merchant=DEV_MERCHANT, roles=ROLES, environment="dev")
            entry = entry.model_copy(update={"rate": old[0].rate})
            for step, entries in (("{new},{old}", [*old, entry]), ("{new}", [entry])):
                put(folder.api_keys, render_entries(entries))
                for edge in EDGES:
                    file = folder.edge_keys / file_name(edge)
                    now = file.read_text().strip()
                    new = token_hex(32) if "," not in now else now.split(",")[0]
                    put(file, step.format(new=new, old=now))
                await asyncio.sleep(SEEN)
                if len(entries) > 1:
                    keys.append(key)
        put(quotes, public)
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

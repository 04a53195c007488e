"""What a process could not finish is tried again by its next sweep, within the lease."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Connection, select
from tests.payments.harness import BODY, gateway_over

from kurs.calls import Request
from kurs.data.database import Database
from kurs_testing.asgi import FaultKind
from kurs_testing.joined import RISK, WALLET, JoinedGateway
from kurs_testing.parts import part
from payments.clients import BatchClient, Unusable
from payments.domain.operation import Operation
from payments.store import leases
from payments.store.rows import read_operation
from payments.store.tables import operations
from payments.sweeper import Sweeper

OVERRIDES = {"payments": {"sweep_seconds": 3600.0}, "api-gateway": {"request_seconds": 30.0}}


@pytest.fixture
async def gateway(tmp_path: Path, database_url: str) -> AsyncIterator[JoinedGateway]:
    """The services on a clock that stands still: no lease runs out."""
    async with gateway_over(database_url, tmp_path, OVERRIDES) as joined:
        yield joined


def batches(request: Request) -> bool:
    return request.url.endswith("/batch")


async def sweep(gateway: JoinedGateway) -> int:
    return await part(gateway.apps["payments"], Sweeper).sweep()


async def status(gateway: JoinedGateway) -> str:
    return str((await gateway.call("GET", "/payments/p1")).json()["status"])


@pytest.mark.parametrize("base", [RISK, WALLET])
async def test_it_goes_on_when_the_service_is_back(gateway: JoinedGateway, base: str) -> None:
    gateway.transport.inject(base, FaultKind.UNREACHABLE, matches=batches)
    assert (await gateway.call("POST", "/payments", BODY)).status == 202
    # A sweep that does not get further leaves it to the next one.
    assert [await sweep(gateway), await sweep(gateway)] == [1, 1]
    assert await status(gateway) == "PROCESSING"

    gateway.transport.heal(base)

    assert [await sweep(gateway), await sweep(gateway)] == [1, 0]
    assert await status(gateway) == "CAPTURED"
    assert await gateway.balance("alice", "USD") == "90.00"


@pytest.mark.parametrize("lost", [1, 2], ids=["the claim", "the outcome"])
async def test_it_goes_on_when_the_database_is_back(
    gateway: JoinedGateway, lost: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit whose answer is lost, after which the database is gone for a while."""
    database = part(gateway.apps["payments"], Database)
    # Below what tries again: none of that helps.
    run, commits = database._run_write, 0  # noqa: SLF001

    async def run_and_lose(*arguments: Any) -> Any:
        nonlocal commits
        if arguments[0] == database._look:  # noqa: SLF001
            # A look at whether it is there, which comes at any time.
            return await run(*arguments)
        commits += 1
        done = await run(*arguments) if commits <= lost else None
        if commits >= lost:
            raise ConnectionResetError("the server went away")
        return done

    monkeypatch.setattr(database, "_run_write", run_and_lose)
    told = await gateway.call("POST", "/payments", BODY)
    assert told.status == (503 if lost == 1 else 202)
    monkeypatch.undo()

    # With the outcome it was committed after all, and there is nothing to be done.
    assert await sweep(gateway) == (1 if lost == 1 else 0)
    assert await status(gateway) == "CAPTURED"
    assert (await gateway.call("POST", "/payments", BODY)).status == 200
    assert await gateway.balance("alice", "USD") == "90.00"


async def test_only_the_attempt_that_was_left_is_given_back(gateway: JoinedGateway) -> None:
    """Who lost his claim's answer may share an id with another one, whose attempt is under way."""
    gateway.transport.inject(RISK, FaultKind.UNREACHABLE, matches=batches)
    await gateway.call("POST", "/payments", BODY)
    database = part(gateway.apps["payments"], Database)

    def stored(connection: Connection) -> Operation:
        return read_operation(connection.execute(select(operations)).mappings().one())

    theirs = await database.read(stored)
    later = theirs.lease_until + 1
    lost = replace(theirs, created_at=theirs.created_at + 1, lease_until=later)
    await database.write(lambda c: leases.give_back(c, [lost], theirs.created_at))
    assert await database.read(stored) == theirs

    await database.write(lambda c: leases.give_back(c, [theirs], theirs.created_at))
    assert (await database.read(stored)).lease_until < theirs.created_at


async def test_what_has_no_usable_answer_keeps_its_pace(
    gateway: JoinedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To ask again at once would use up the attempts after which it is set aside."""
    risk = part(gateway.apps["payments"], BatchClient, "risk")

    async def nonsense(items: Sequence[Any], _: Sequence[Any]) -> list[Any]:
        return [Unusable("risk", "answered nonsense") for _ in items]

    monkeypatch.setattr(risk, "ask", nonsense)
    assert (await gateway.call("POST", "/payments", BODY)).status == 202
    assert await sweep(gateway) == 0


async def test_a_lease_that_somebody_has_taken_since_is_not_ended(gateway: JoinedGateway) -> None:
    """Though it ends before one that this process has left later."""
    gateway.transport.inject(RISK, FaultKind.UNREACHABLE, matches=batches)
    database = part(gateway.apps["payments"], Database)
    assert (await gateway.call("POST", "/payments", BODY)).status == 202
    (first,) = await database.read(_leases)
    gateway.clock.advance(seconds=1)
    other = {**BODY, "payment_id": "p2"}
    assert (await gateway.call("POST", "/payments", other)).status == 202

    terms = leases.Terms(first + 1, first + 2, first + 2, most_failures=100)
    taken = await database.write(lambda c: leases.take_over(c, terms))

    assert [each.payment.payment_id for each in taken.started] == ["p1"]
    assert await sweep(gateway) == 1
    assert first + 2 in await database.read(_leases)


def _leases(connection: Connection) -> list[int]:
    return list(connection.execute(select(operations.c.lease_until)).scalars())

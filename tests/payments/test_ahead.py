"""Risk and fx are asked beside the commit of a claim: about what begins, and about nothing else."""

import asyncio
import json
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection
from sqlalchemy.util import await_only
from tests.payments.harness import BODY, gateway_that_knows_accounts

from kurs.data.database import Database
from kurs_testing.joined import JoinedGateway
from kurs_testing.parts import part
from kurs_testing.waiting import eventually
from payments.domain.beginning import Started

OVERRIDES = {"payments": {"sweep_seconds": 3600.0, "payment_seconds": 60.0}}
ABROAD = {"destination_account": "indonesia"}


@pytest.fixture
async def gateway(tmp_path: Path, database_url: str) -> AsyncIterator[JoinedGateway]:
    async with gateway_that_knows_accounts(database_url, tmp_path, OVERRIDES) as joined:
        yield joined


async def pay(gateway: JoinedGateway, name: str, key: str, **changes: Any) -> tuple[int, str]:
    body = {**BODY, "payment_id": name, **changes}
    answer = await gateway.call("POST", "/payments", body, headers={"idempotency-key": key})
    told = answer.json()
    return answer.status, told.get("code") or told.get("status")


def asked(gateway: JoinedGateway, path: str) -> list[dict[str, Any]]:
    """Return the items that a service was asked about."""
    bodies = [r.body for r in gateway.transport.requests if r.url.endswith(path)]
    return [item for body in bodies for item in json.loads(body)["items"]]


def attempts(folder: Path) -> int:
    """Return how many attempts risk has decided on; it counts each of them, and nothing else."""
    with sqlite3.connect(folder / "risk.db") as connection:
        (found,) = connection.execute("SELECT count(*) FROM decisions").fetchone()
    return int(found)


def before_commits_of_claims(
    gateway: JoinedGateway, monkeypatch: pytest.MonkeyPatch, then: Callable[[Connection], None]
) -> None:
    """Do something at the end of each transaction that begins an operation."""
    database = part(gateway.apps["payments"], Database)
    run = database._run_write  # noqa: SLF001

    async def run_and_then(work: Any, *rest: Any) -> Any:
        def work_and_then(connection: Connection) -> Any:
            results = work(connection)
            if isinstance(results, list) and any(isinstance(r, Started) for r in results):
                then(connection)
            return results

        return await run(work_and_then, *rest)

    monkeypatch.setattr(database, "_run_write", run_and_then)


async def test_services_are_asked_before_the_commit_and_the_ledger_after_it(
    gateway: JoinedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()

    def hold(connection: Connection) -> None:
        if connection.dialect.name == "sqlite":
            released.wait(60)
        else:
            await_only(eventually(released.is_set))

    before_commits_of_claims(gateway, monkeypatch, hold)
    paying = asyncio.create_task(pay(gateway, "p1", "k1", **ABROAD))
    try:
        await eventually(lambda: asked(gateway, "/score/batch") and asked(gateway, "/quotes/batch"))
        assert not asked(gateway, "/transfers/batch")
        assert not paying.done()
    finally:
        released.set()

    assert await paying == (200, "CAPTURED")
    for path in ("/score/batch", "/quotes/batch", "/transfers/batch"):
        assert len(asked(gateway, path)) == 1, path


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_repeat_and_a_conflict_count_nothing(
    gateway: JoinedGateway, tmp_path: Path, *, at_once: bool
) -> None:
    before = attempts(tmp_path)
    requests = [
        pay(gateway, "p1", "k1"),
        pay(gateway, "p1", "k1"),
        pay(gateway, "p2", "k1"),
        pay(gateway, "p1", "k2"),
        pay(gateway, "p1", "k1", amount="11.00"),
    ]
    if at_once:
        answers = await asyncio.gather(*requests)
    else:
        answers = [await request for request in requests]

    # A repeat gets the same answer, or is told that it is still being worked on.
    assert answers[0] == (200, "CAPTURED")
    assert answers[1] in {(200, "CAPTURED"), (409, "operation_in_progress")}
    assert [status for status, _ in answers[2:]] == [422, 409, 422]
    assert [item["payment_id"] for item in asked(gateway, "/score/batch")] == ["demo:p1"]
    assert attempts(tmp_path) == before + 1


async def test_what_a_lost_commit_had_asked_about_counts_once(
    gateway: JoinedGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, lost = attempts(tmp_path), []

    def lose(_: Connection) -> None:
        if not lost:
            lost.append(True)
            raise ConnectionResetError("the server went away")

    before_commits_of_claims(gateway, monkeypatch, lose)

    assert await pay(gateway, "p1", "k1", **ABROAD) == (200, "CAPTURED")
    assert lost
    assert {item["payment_id"] for item in asked(gateway, "/score/batch")} == {"demo:p1"}
    assert attempts(tmp_path) == before + 1
    assert set((await gateway.sums()).values()) <= {"0", "0.00", "0.000"}

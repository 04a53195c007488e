"""Who edited the rates that a payment was made at is known after others are in force."""

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.payments.harness import BODY, gateway_over

from fx.board import RateBoard
from kurs.config.resources import FxDocument, SourceRef
from kurs.data.database import Database
from kurs.data.migrations import migrate
from kurs.kernel.clock import MICROS
from kurs_testing.joined import JoinedGateway
from kurs_testing.parts import part
from payments.figures.counting import Figures, edit_in
from payments.migrations import VERSIONS
from payments.store.rate_edits import RateEdit, edit_of, record_edit

HOUR = 3600 * MICROS


@pytest.fixture
async def gateway(tmp_path: Path, database_url: str) -> AsyncIterator[JoinedGateway]:
    overrides = {"payments": {"figures_seconds": 3600.0}}
    async with gateway_over(database_url, tmp_path, overrides, settlement_currency="IDR") as joined:
        yield joined


async def pay(gateway: JoinedGateway, payment_id: str) -> None:
    answer = await gateway.call("POST", "/payments", {**BODY, "payment_id": payment_id})
    assert answer.status == 200, answer.body
    await part(gateway.apps["payments"], Figures).count()


async def quote_of(gateway: JoinedGateway, payment_id: str) -> Any:
    key = gateway.issue_key("demo", "read")
    answer = await gateway.call("GET", f"/payments/{payment_id}/explain", key=key)
    assert answer.status == 200, answer.body
    return answer.json()["quote"]


def edit(gateway: JoinedGateway, by: str | None, at: str | None, **changed: Any) -> None:
    """Put the rates in force, edited by somebody, with another spread or as they are."""
    board = part(gateway.apps["fx"], RateBoard)
    assert board.document is not None
    payload = board.document.payload
    sources = [
        each.model_copy(update={"spec": each.spec.model_copy(update=changed)})
        for each in payload.rate_sources
    ]
    payload = payload.model_copy(update={"rate_sources": tuple(sources)})
    reference = SourceRef(kind="FXRateSource", name="fixed", editedBy=by, editedAt=at)
    board.apply(FxDocument.build(payload, [reference]))


async def test_it_stays_known_over_edits_and_restarts(gateway: JoinedGateway) -> None:
    await pay(gateway, "by-file")
    edit(gateway, "kubectl", "2026-01-01T00:00:00Z", default_spread_bps=10)
    await pay(gateway, "p1")
    edit(gateway, "argocd", "2026-01-01T00:00:00Z", default_spread_bps=20)
    await pay(gateway, "p2")

    await gateway.restart()
    told = [await quote_of(gateway, name) for name in ("by-file", "p1", "p2")]

    assert len({each["config_revision"] for each in told}) == 3
    at = "2026-01-01T00:00:00.000000Z"
    assert [each["last_edit"] for each in told] == [
        None,
        {"source": "fixed", "by": "kubectl", "at": at},
        {"source": "fixed", "by": "argocd", "at": at},
    ]


async def test_a_payment_without_a_rate_has_none(gateway: JoinedGateway) -> None:
    same = {**BODY, "destination_currency": "USD"}
    assert (await gateway.call("POST", "/payments", same)).status == 200
    assert await quote_of(gateway, "p1") is None


async def test_a_revision_that_came_back_has_whoever_brought_it_then(
    gateway: JoinedGateway, database_url: str
) -> None:
    database = Database.open(database_url)
    for at, by in ((10, "ann"), (30, "bob"), (30, "bob"), (20, "cid")):
        row = RateEdit("r1", at * HOUR, "fixed", by)
        await database.write(lambda c, row=row: record_edit(c, row))

    async def found(revision: str, at: int) -> str | None:
        edit = await database.read(lambda c: edit_of(c, revision, at * HOUR))
        return edit and edit.edited_by

    asked = [("r1", 5), ("r1", 10), ("r1", 29), ("r1", 30), ("r1", 99), ("r2", 99)]
    told = [await found(revision, at) for revision, at in asked]
    await database.close()

    assert told == [None, "ann", "cid", "bob", "bob", None]


async def test_nobody_is_named_who_edited_after_the_payment(database_url: str) -> None:
    later = RateEdit("r1", 1_024 * HOUR, "fixed", "bob")
    assert await told(database_url, 1_000 * HOUR, later) is None


async def test_a_clock_that_is_a_little_ahead_hides_nobody(database_url: str) -> None:
    edited = RateEdit("r1", 1_000 * HOUR + 2 * MICROS, "fixed", "alice")
    assert await told(database_url, 1_000 * HOUR, edited) == edited


async def test_the_one_before_is_told_whatever_was_edited_later(database_url: str) -> None:
    first = RateEdit("r1", HOUR, "fixed", "alice")
    later = [RateEdit("r1", (10 + n) * HOUR, "fixed", f"bot{n}") for n in range(101)]
    assert await told(database_url, 2 * HOUR, first, *later) == first


async def told(url: str, at: int, *edits: RateEdit) -> RateEdit | None:
    """Return who is told of a payment that was made then."""
    await asyncio.to_thread(migrate, url, VERSIONS)
    database = Database.open(url)
    try:
        for each in edits:
            await database.write(partial(record_edit, edit=each))
        return await database.read(partial(edit_of, revision="r1", at=at))
    finally:
        await database.close()


@pytest.mark.parametrize(
    "edit",
    [
        {"source": "x", "by": "y"},
        {"source": "x", "by": "y", "at": "soon"},
        {"source": None, "by": "y", "at": "2026-01-01T00:00:00Z"},
        {"source": "x", "by": "y", "at": 3},
        ["x"],
        None,
    ],
)
def test_what_fx_says_of_edits_stops_no_figures(edit: Any) -> None:
    published = {"config_revision": "r", "last_edit": edit, "rates": []}
    assert edit_in(json.dumps(published).encode()) is None

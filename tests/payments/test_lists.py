"""Payments are found by all that is known of them, page by page, on both databases."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import Connection, event
from tests.payments.harness import BODY, gateway_over

from kurs.data.bulk import insert_rows
from kurs.data.database import Database
from kurs.data.migrations import migrate
from kurs_testing.clock import ManualClock
from kurs_testing.joined import JoinedGateway
from payments.domain.failure import Failure
from payments.domain.moves import Status
from payments.domain.payment import Payment
from payments.migrations import VERSIONS
from payments.store import lists
from payments.store.lists import Cut, Filter, list_payments
from payments.store.rows import payment_values
from payments.store.tables import PAYMENT_COLUMNS, payments

DAY = 86_400
MADE: list[dict[str, Any]] = [
    {"payment_id": "plain", "amount": "10.00"},
    {"payment_id": "shoes", "amount": "12.50", "description": "Red SHOES, size 42"},
    {"payment_id": "tagged", "amount": "12.51", "metadata": {"for": "INV-2026/17", "to": "Ümit"}},
    {"payment_id": "poor", "amount": "999.00", "description": "shoelaces"},
    {"payment_id": "held", "amount": "1.00", "capture": "manual"},
    {
        "payment_id": "back",
        "amount": "2.00",
        "source_account": "bob",
        "destination_account": "alice",
    },
]


@pytest.fixture
async def gateway(tmp_path: Path, database_url: str) -> AsyncIterator[JoinedGateway]:
    async with gateway_over(database_url, tmp_path, {}, USD="5.00") as joined:
        assert isinstance(joined.clock, ManualClock)
        for changes in MADE:
            # One of each day.
            answer = await joined.call("POST", "/payments", {**BODY, **changes})
            assert answer.status in (200, 400), answer.body
            joined.clock.advance(seconds=DAY)
        yield joined


async def found(gateway: JoinedGateway, **asked: str) -> list[str]:
    answer = await gateway.call("GET", f"/payments?{urlencode(asked)}")
    assert answer.status == 200, answer.body
    return [payment["payment_id"] for payment in answer.json()["items"]]


FILTERS: list[tuple[dict[str, str], list[str]]] = [
    ({"status": "FAILED"}, ["poor"]),
    ({"failure_code": "insufficient_funds"}, ["poor"]),
    ({"failure_code": "risk_declined"}, []),
    ({"currency": "USD", "amount_min": "12.50", "amount_max": "12.51"}, ["tagged", "shoes"]),
    ({"currency": "USD", "amount_min": "12.51"}, ["poor", "tagged"]),
    ({"currency": "IDR"}, []),
    ({"account": "bob", "order": "oldest"}, [p["payment_id"] for p in MADE]),
    ({"account": "bob", "status": "AUTHORIZED"}, ["held"]),
    ({"created_before": "2026-01-02T00:00:00Z"}, ["plain"]),
    (
        {
            "created_after": "2026-01-02T07:00:00+07:00",
            "created_before": "2026-01-04T00:00:00Z",
        },
        ["tagged", "shoes"],
    ),
    ({"text": "shoe"}, ["poor", "shoes"]),
    ({"text": "size red"}, ["shoes"]),
    ({"text": "inv-2026/17"}, ["tagged"]),
    ({"text": "Ümi"}, ["tagged"]),
    ({"text": "for"}, []),
    ({"text": "hoes"}, []),
    ({"text": "'; DROP TABLE payments -- \" * shoes"}, []),
]


async def test_filters(gateway: JoinedGateway) -> None:
    told = [(asked, await found(gateway, **asked)) for asked, _ in FILTERS]
    assert told == FILTERS


async def test_pages_join_without_gap_either_way(gateway: JoinedGateway) -> None:
    names = [payment["payment_id"] for payment in MADE]
    for narrowed in ({}, {"account": "alice"}, {"currency": "USD"}):
        assert await paged(gateway, order="oldest", **narrowed) == names
        assert await paged(gateway, order="newest", **narrowed) == names[::-1]


async def paged(gateway: JoinedGateway, **narrowed: str) -> list[str]:
    seen: list[str] = []
    asked = {**narrowed, "limit": "2"}
    while True:
        page = (await gateway.call("GET", f"/payments?{urlencode(asked)}")).json()
        seen += [payment["payment_id"] for payment in page["items"]]
        if page["next_cursor"] is None:
            return seen
        asked["cursor"] = page["next_cursor"]


REFUSED = [
    ({"amount_min": "1"}, "amount_min"),
    ({"amount_max": "1.234", "currency": "USD"}, "amount_max"),
    ({"created_after": "yesterday"}, "created_after"),
    ({"created_after": "2026-01-01T00:00:00"}, "created_after"),
    ({"text": "-- ."}, "text"),
    ({"failure_code": "poverty"}, "failure_code"),
    ({"order": "best"}, "order"),
]


async def test_what_means_nothing_is_refused(gateway: JoinedGateway) -> None:
    for asked, field in REFUSED:
        answer = await gateway.call("GET", f"/payments?{urlencode(asked)}")
        assert (answer.status, answer.json()["errors"][0]["field"]) == (422, field)
        assert answer.json()["errors"][0]["hint"]


async def test_an_export_has_every_line_and_no_formula(gateway: JoinedGateway) -> None:
    evil = {"payment_id": "evil", "amount": "1.00", "description": '=HYPERLINK("x"), "y"\u00e9'}
    assert (await gateway.call("POST", "/payments", {**BODY, **evil})).status == 200
    answer = await gateway.call("GET", "/payments.csv?status=CAPTURED&order=oldest")

    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["x-kurs-rows"] == "5"
    lines = list(csv.DictReader(io.StringIO(answer.body.decode(), newline="")))
    assert [line["payment_id"] for line in lines] == ["plain", "shoes", "tagged", "back", "evil"]
    assert (lines[1]["amount"], lines[1]["description"]) == ("12.50", "Red SHOES, size 42")
    assert lines[-1]["description"] == "'" + evil["description"]
    assert lines[0]["failure_code"] == ""


async def test_the_head_of_an_export_counts_nothing(
    gateway: JoinedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[object] = []
    for name in ("count_payments", "list_payments"):
        monkeypatch.setattr(lists, name, lambda *given, **_: counted.append(given))
    answer = await gateway.call("HEAD", "/payments.csv?account=bob")

    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/csv")
    assert counted == []


PLANS: dict[str, dict[str, Any]] = {
    "ix_payments_status": {"status": "FAILED"},
    "ix_payments_paid_from": {"account": "from1"},
    "ix_payments_paid_to": {"account": "from1"},
    "ix_payments_amount": {"currency": "USD", "amount_min": 150, "amount_max": 160},
    "ix_payments_newest": {"since": 1, "until": 2},
    "ix_payments_failure": {"failure_code": "insufficient_funds"},
    "_words": {"words": ("shoe",)},
}


def many(connection: Connection) -> None:
    """Store payments of two merchants, so that there is something to choose an index for."""
    rows = []
    for i in range(4_000):
        payment = Payment(
            ("demo", "rival")[i % 2], f"m{i}", 100 + i, "USD", f"from{i % 50}", f"to{i % 50}", i, i,
            status=Status.FAILED if i % 100 == 0 else Status.CAPTURED,
            failure=Failure("insufficient_funds", "") if i % 100 == 0 else None,
            description="shoes" if i % 100 == 1 else None,
        )  # fmt: skip
        rows.append(payment_values(payment))
    insert_rows(connection, payments, PAYMENT_COLUMNS, rows)
    connection.exec_driver_sql("ANALYZE")


async def test_each_filter_has_its_index(database_url: str) -> None:
    def explained(connection: Connection) -> dict[str, str]:
        ran: list[tuple[str, Any]] = []
        event.listen(connection, "before_cursor_execute", lambda *args: ran.append(args[2:4]))
        verb = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
        plans = {}
        for index, narrowed in PLANS.items():
            ran.clear()
            list_payments(connection, Filter("demo", **narrowed), Cut())
            statement, parameters = next(each for each in ran if "ORDER BY" in each[0])
            rows = connection.exec_driver_sql(f"{verb} {statement}", parameters)
            plans[index] = "\n".join(str(row[-1]) for row in rows)
        return plans

    await asyncio.to_thread(migrate, database_url, VERSIONS)
    database = Database.open(database_url)
    await database.write(many)
    plans = await database.read(explained)
    await database.close()
    assert {index: plan for index, plan in plans.items() if index not in plan} == {}
    # A word that few have is looked up, not looked for along the whole list.
    assert not database_url.startswith("sqlite") or "(uid=?)" in plans["_words"]


async def test_a_word_that_many_have_is_looked_for_along_the_list(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asyncio.to_thread(migrate, sqlite_url, VERSIONS)
    database = Database.open(sqlite_url)
    await database.write(many)
    found = []
    for few in (0, 1_000):
        monkeypatch.setattr(lists, "_FEW", few)
        found.append(
            await database.read(lambda c: list_payments(c, Filter("rival", words=("shoe",)), Cut()))
        )
    await database.close()
    assert found[0] == found[1]
    assert len(found[0].items) == 40

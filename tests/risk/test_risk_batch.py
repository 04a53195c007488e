"""The batch route: items that succeed and fail alone, in order, each with its own trace."""

import asyncio
import json
from typing import Any

from tests.risk.harness import RiskApp, item, rows

from kurs.data.database import Database

TRACE = "0af7651916cd43dd8448eb211c80319c"
SAMPLED = f"00-{TRACE}-b7ad6b7169203331-01"

INVALID: dict[str, tuple[dict[str, Any], str, str]] = {
    "no amount": ({"amount": ...}, "invalid", "amount"),
    "an amount that is a number": ({"amount": 10}, "invalid", "amount"),
    "an amount of no number": ({"amount": "ten"}, "amount_malformed", "amount"),
    "zero": ({"amount": "0"}, "amount_not_positive", "amount"),
    "too many decimals": ({"amount": "0.001"}, "amount_too_precise", "amount"),
    "beyond 64 bits": ({"amount": "9" * 30}, "amount_too_large", "amount"),
    "an unknown currency": ({"currency": "ABC"}, "invalid", "currency"),
    "an account with two slashes": ({"source_account": "a/b/c"}, "invalid", "source_account"),
    "no destination": ({"destination_account": ...}, "invalid", "destination_account"),
    "a moment in text": ({"source_opened_at": "2026-01-01T00:00Z"}, "invalid", "source_opened_at"),
    "a deadline below zero": ({"deadline_ms": -1}, "invalid", "deadline_ms"),
    "a trace of a thousand characters": ({"traceparent": "0" * 1000}, "invalid", "traceparent"),
    "an unknown field": ({"payer": "x"}, "invalid", "payer"),
    "a merchant with a colon": ({"merchant": "a:b"}, "invalid", "merchant"),
}  # fmt: skip


async def test_a_bad_item_fails_alone_and_names_its_field(
    small_risk: RiskApp, sqlite_url: str
) -> None:
    bad = [item(**fields) for fields, _, _ in INVALID.values()]
    first, *refused, last = await small_risk.batch(item(payment_id="a"), *bad, item(payment_id="b"))

    assert first["status"] == last["status"] == "scored"
    assert dict(zip(INVALID, [(r["code"], r["field"]) for r in refused], strict=True)) == {
        name: (code, field) for name, (_, code, field) in INVALID.items()
    }
    assert {r["status"] for r in refused if r["code"] == "invalid"} == {"skipped"}
    assert {r["status"] for r in refused if r["code"] != "invalid"} == {"refused"}
    assert all(r["message"] for r in refused)
    assert await rows(sqlite_url, "SELECT payment_id FROM decisions ORDER BY 1") == [
        ("demo:a",),
        ("demo:b",),
    ]
    assert await small_risk.metric('kurs_risk_attempts_total{result="skipped"}') == len(INVALID)


async def test_an_item_of_another_shape_fails_alone(small_risk: RiskApp) -> None:
    bad: list[object] = [None, 7, "x", [], [[]], {"items": []}]
    results = await small_risk.batch(*bad, item())

    assert [r["status"] for r in results] == ["skipped"] * len(bad) + ["scored"]


async def test_an_item_that_cannot_be_stored_fails_alone(
    small_risk: RiskApp, sqlite_url: str
) -> None:
    await _execute(
        sqlite_url,
        "CREATE TRIGGER poison BEFORE INSERT ON decisions WHEN new.payment_id = 'demo:poison' "
        "BEGIN SELECT RAISE(ABORT, 'poison'); END",
    )
    results = await small_risk.batch(item(), item(payment_id="poison"), item())

    assert [r["status"] for r in results] == ["scored", "skipped", "scored"]
    assert results[1]["code"] == "failed"
    assert await rows(sqlite_url, "SELECT sum(attempts) FROM velocity") == [(2,)]


async def test_a_database_that_fails_fails_the_batch_and_leaves_nothing(
    small_risk: RiskApp, sqlite_url: str
) -> None:
    await _execute(sqlite_url, "ALTER TABLE decisions RENAME TO gone")
    response = await small_risk.post("/score/batch", {"items": [item(), item()]})
    await _execute(sqlite_url, "ALTER TABLE gone RENAME TO decisions")

    assert (response.status_code, response.json()["code"]) == (500, "internal")
    assert await rows(sqlite_url, "SELECT count(*) FROM velocity") == [(0,)]
    assert (await small_risk.batch(item()))[0]["status"] == "scored"


async def test_a_payment_id_must_be_its_merchants(small_risk: RiskApp) -> None:
    (result,) = await small_risk.batch({**item(), "payment_id": "shop:p"})

    assert (result["status"], result["code"], result["field"]) == (
        "skipped", "invalid", "payment_id",
    )  # fmt: skip


async def test_what_is_no_batch_is_refused_whole(small_risk: RiskApp) -> None:
    cases: list[tuple[bytes, int, str]] = [
        (b"", 400, "malformed_json"),
        (b"{", 400, "malformed_json"),
        (b"[" * 100_000, 400, "malformed_json"),
        (b'{"items": "\xff"}', 400, "malformed_json"),
        (b"[]", 422, "validation_failed"),
        (b"{}", 422, "validation_failed"),
        (b'{"items": {}}', 422, "validation_failed"),
        (b'{"items": []}', 422, "validation_failed"),
        (b'{"items": [1], "more": 1}', 422, "validation_failed"),
        (json.dumps({"items": [1] * 1001}).encode(), 422, "validation_failed"),
    ]
    found = []
    for content, _, _ in cases:
        response = await small_risk.post("/score/batch", content)
        found.append((content, response.status_code, response.json()["code"]))

    assert found == cases


async def test_a_scored_item_is_the_stored_decision(risk: RiskApp) -> None:
    (result,) = await risk.batch(item(payment_id="p", amount="250.00"))
    stored = (await risk.get("/decisions/p")).json()

    assert result == {
        "status": "scored",
        "payment_id": "demo:p",
        "decision": "review",
        "score": 50,
        "reasons": stored["reasons"],
        "config_revision": stored["config_revision"],
        "decided_at": risk.clock.now(),
    }


async def test_later_items_see_earlier_ones(risk: RiskApp) -> None:
    results = await risk.batch(*(item() for _ in range(5)), item(source_account="carol"))

    assert [r["decision"] for r in results] == ["approve"] * 3 + ["decline"] * 2 + ["approve"]


async def test_a_payment_twice_in_a_batch_is_decided_once(risk: RiskApp, database_url: str) -> None:
    twice = [item(payment_id="p") for _ in range(2)]
    other = item(payment_id="p", destination_account="carol")
    first, second, third = await risk.batch(*twice, other)

    assert first == second
    assert (third["status"], third["code"], third["field"]) == (
        "refused", "decision_conflict", "destination_account",
    )  # fmt: skip
    assert await rows(database_url, "SELECT sum(attempts) FROM velocity") == [(1,)]


async def test_a_late_item_is_skipped_and_leaves_nothing(risk: RiskApp, database_url: str) -> None:
    late, timely = await risk.batch(
        item(payment_id="late", deadline_ms=0), item(payment_id="timely", deadline_ms=60_000)
    )

    assert (late["status"], late["code"]) == ("skipped", "deadline_exceeded")
    assert timely["status"] == "scored"
    assert await rows(database_url, "SELECT payment_id FROM decisions") == [("demo:timely",)]


async def test_a_thousand_items_fit_a_batch(small_risk: RiskApp) -> None:
    results = await small_risk.batch(*(item(source_account=f"a{n}") for n in range(1000)))

    assert {r["status"] for r in results} == {"scored"}
    assert await small_risk.metric('kurs_batch_size_sum{batcher="risk-writer"}') == 1000


async def test_concurrent_requests_share_the_windows(risk: RiskApp) -> None:
    batches = await asyncio.gather(*(risk.batch(item(), item()) for _ in range(10)))
    decisions = [r["decision"] for batch in batches for r in batch]

    assert decisions.count("approve") == 3


async def test_a_sampled_item_has_a_span_in_its_own_trace(small_risk: RiskApp) -> None:
    await small_risk.batch(item(traceparent=SAMPLED), item(), item(traceparent="nonsense"))
    spans = [s for s in small_risk.telemetry.spans() if s.name == "risk score"]

    assert [f"{s.context.trace_id:032x}" for s in spans if s.context] == [TRACE]
    assert spans[0].attributes is not None
    assert spans[0].attributes["risk.decision"] == "approve"
    assert len(spans[0].links) == 1


async def test_decisions_are_counted_without_ids(small_risk: RiskApp) -> None:
    await small_risk.batch(item(), item(amount="250.00"), item(destination_account="mallory"))
    text = (await small_risk.client.get("/metrics")).text

    assert (
        await small_risk.metric('kurs_risk_decisions_total{decision="approve",mode="enforce"}') == 1
    )
    assert (
        await small_risk.metric('kurs_risk_decisions_total{decision="review",mode="enforce"}') == 1
    )
    assert await small_risk.metric(
        'kurs_risk_rule_hits_total{mode="enforce",outcome="decline",rule="blocklist"}'
    ) == 1  # fmt: skip
    assert "alice" not in text
    assert "demo" not in text


async def _execute(url: str, statement: str) -> None:
    database = Database.open(url)
    await database.write(lambda c: c.exec_driver_sql(statement))
    await database.close()

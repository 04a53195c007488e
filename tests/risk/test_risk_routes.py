"""The public routes: answers, repetitions, merchants, and every kind of bad input."""

import json
from pathlib import Path
from typing import Any

from tests.risk.harness import DAY, RiskApp, body, caller, limits, risk_app, risk_document, rows

from kurs.config.resources import RiskDocument, SourceRef
from kurs.kernel.clock import to_rfc3339

PAYEE, OPENED = "destination_account", "source_opened_at"
COUNTS = "SELECT (SELECT count(*) FROM decisions), (SELECT count(*) FROM velocity)"


def _with(**fields: Any) -> bytes:
    return json.dumps(body(payment_id="p", **fields)).encode()


def _reason(rule: str, points: int, message: str) -> dict[str, Any]:
    return {"rule": rule, "points": points, "message": message}


def _raw(field: str, text: str) -> bytes:
    """Return a body in which a field has a value that json.dumps would not write."""
    fields = body(payment_id="p")
    del fields[field]
    return (json.dumps(fields)[:-1] + f', "{field}": {text}}}').encode()


BAD = {
    "no amount": (_with(amount=...), 422, "amount"),
    "an amount that is a list": (_with(amount=["1"]), 422, "amount"),
    "an amount of no number": (_with(amount="ten"), 422, "amount"),
    "an empty amount": (_with(amount=""), 422, "amount"),
    "too many decimals": (_with(amount="1.005"), 422, "amount"),
    "zero": (_with(amount="0.00"), 422, "amount"),
    "negative": (_with(amount="-1.00"), 422, "amount"),
    "beyond 64 bits": (_with(amount="92233720368547758.08"), 422, "amount"),
    "1e400": (_raw("amount", "1e400"), 422, "amount"),
    "an amount in exponents": (_with(amount="1e2"), 422, "amount"),
    "a boolean amount": (_with(amount=True), 422, "amount"),
    "an endless amount": (_with(amount="9" * 5000), 422, "amount"),
    "NaN": (_raw("amount", "NaN"), 400, "body"),
    "no currency": (_with(currency=...), 422, "currency"),
    "an unknown currency": (_with(currency="USX"), 422, "currency"),
    "a currency in small letters": (_with(currency="usd"), 422, "currency"),
    "gold": (_with(currency="XAU"), 422, "currency"),
    "an empty account": (_with(source_account=""), 422, "source_account"),
    "an account with two slashes": (_with(source_account="a/b/c"), 422, "source_account"),
    "an account of the house": (_with(source_account="house:world"), 422, "source_account"),
    "an account with a control character": (_with(destination_account="a\u0000"), 422, PAYEE),
    "an account with a line feed": (_with(destination_account="bob\n"), 422, PAYEE),
    "a long account": (_with(destination_account="a" * 65), 422, PAYEE),
    "an account that is a number": (_with(destination_account=7), 422, PAYEE),
    "a payment id with a colon": (_raw("payment_id", '"shop:p"'), 422, "payment_id"),
    "a payment id that is null": (_raw("payment_id", "null"), 422, "payment_id"),
    "an unknown destination": (_with(destination_currency="ZZZ"), 422, "destination_currency"),
    "a moment without an offset": (_with(source_opened_at="2026-01-01T00:00:00"), 422, OPENED),
    "a moment of no calendar": (_with(source_opened_at="2026-02-31T00:00:00Z"), 422, OPENED),
    "a negative moment": (_with(source_opened_at=-1), 422, OPENED),
    "a moment with a fraction": (_with(source_opened_at=1.5), 422, OPENED),
    "a far moment": (_with(source_opened_at=10**18), 422, OPENED),
    "an unknown field": (_with(merchant="shop"), 422, "merchant"),
    "a list": (b"[]", 422, "body"),
    "nothing": (b"", 422, "body"),
    "no JSON": (b"{", 400, "body"),
    "a deep nest": (b"[" * 100_000, 400, "body"),
    "no UTF-8": (b'{"amount": "\xff"}', 400, "body"),
}  # fmt: skip


async def test_bad_input_names_its_field_and_stores_nothing(
    small_risk: RiskApp, sqlite_url: str
) -> None:
    found = {}
    for name, (content, _, _) in BAD.items():
        response = await small_risk.post("/score", content)
        assert response.headers["content-type"] == "application/problem+json", name
        fields = [e["field"] for e in response.json()["errors"] if e["message"]]
        found[name] = (content, response.status_code, *(fields or [None]))

    assert found == BAD
    assert await rows(sqlite_url, COUNTS) == [(0, 0)]


async def test_a_body_beyond_the_limit_is_refused(sqlite_url: str, tmp_path: Path) -> None:
    async with risk_app(
        sqlite_url, tmp_path / "config", risk_document(), max_body_bytes=1000
    ) as risk:
        response = await risk.post("/score", b" " * 1001)
        batch = await risk.post("/score/batch", b" " * 1001)

    assert (response.status_code, response.json()["code"]) == (413, "payload_too_large")
    assert (batch.status_code, batch.json()["code"]) == (413, "payload_too_large")


async def test_a_score_needs_a_merchant(small_risk: RiskApp) -> None:
    response = await small_risk.client.post("/score", json=body())

    assert (response.status_code, response.json()["code"]) == (401, "merchant_required")


async def test_a_decision_can_be_read_with_its_inputs(small_risk: RiskApp) -> None:
    now = small_risk.clock.now()
    opened = to_rfc3339(now - DAY)
    answer = await small_risk.score(
        payment_id="p", amount="150.5", source_opened_at=now - DAY, destination_currency="IDR"
    )
    stored = (await small_risk.get("/decisions/p")).json()

    assert answer == {
        "payment_id": "p",
        "decision": "review",
        "score": 70,
        "reasons": [
            _reason("new_account", 20, "the source account is younger than 1 day"),
            _reason("amount", 50, "150.50 USD is above the review limit 100.00 USD of standard"),
            _reason("threshold", 0, "score 70 reaches the review mark 50 of standard"),
        ],
        "config_revision": answer["config_revision"],
        "decided_at": to_rfc3339(now),
    }
    assert stored == {
        **answer,
        "inputs": {
            "amount": "150.50",
            "currency": "USD",
            "source_account": "alice",
            "destination_account": "bob",
            "destination_currency": "IDR",
            "source_opened_at": opened,
        },
        "shadow": [],
    }


async def test_a_moment_may_be_micros_or_text(small_risk: RiskApp) -> None:
    as_text = await small_risk.ask(payment_id="p", source_opened_at="1970-01-01T00:00:01Z")
    as_micros = await small_risk.ask(payment_id="p", source_opened_at=1_000_000)

    assert as_text == as_micros


async def test_the_same_payment_gets_the_same_decision_however_it_is_written(
    small_risk: RiskApp,
) -> None:
    first = await small_risk.score(payment_id="p")
    small_risk.clock.advance(seconds=3600)
    asked = [await small_risk.ask(payment_id="p", amount=a) for a in ("10", "10.0", 10)]
    again = [await small_risk.score(payment_id="p", amount=a) for a in ("10", "10.0")]

    assert asked == [first] * 3
    assert again == [first] * 2
    assert await small_risk.metric('kurs_risk_attempts_total{result="replayed"}') == 2


async def test_asking_stores_and_counts_nothing(small_risk: RiskApp, sqlite_url: str) -> None:
    for number in range(20):
        asked = await small_risk.ask(payment_id=f"p{number}")
        assert asked["decision"] == "approve"

    assert await rows(sqlite_url, COUNTS) == [(0, 0)]
    assert (await small_risk.get("/decisions/p0")).status_code == 404


async def test_what_was_asked_approves_nothing_after_a_blocklist(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with risk_app(sqlite_url, tmp_path / "config", risk_document()) as risk:
        assert (await risk.ask(payment_id="p"))["decision"] == "approve"
    async with risk_app(
        sqlite_url, tmp_path / "config", risk_document(), blocked_accounts="alice"
    ) as risk:
        assert (await risk.ask(payment_id="p"))["decision"] == "decline"
        assert (await risk.score(payment_id="p"))["decision"] == "decline"


async def test_another_payment_under_a_used_id_is_a_conflict(
    small_risk: RiskApp, sqlite_url: str
) -> None:
    first = await small_risk.score(payment_id="p")
    before = await rows(sqlite_url, COUNTS)
    for field, value in {
        "amount": "10.01",
        "currency": "EUR",
        "source_account": "carol",
        "destination_account": "carol",
        "source_opened_at": 1,
    }.items():
        response = await small_risk.post("/score", body(payment_id="p", **{field: value}))
        problem = response.json()

        assert (response.status_code, problem["code"]) == (409, "decision_conflict")
        assert [e["field"] for e in problem["errors"]] == [field]
        assert "demo" not in problem["detail"]
    assert await rows(sqlite_url, COUNTS) == before
    assert await small_risk.score(payment_id="p") == first


async def test_merchants_neither_see_nor_disturb_each_other(small_risk: RiskApp) -> None:
    for n in range(4):
        await small_risk.score(merchant="shop", payment_id=f"p{n}", source_account="alice")
    own = await small_risk.score(payment_id="p0", source_account="alice")
    hidden = await small_risk.get("/decisions/p3")

    assert own["decision"] == "approve"
    assert (hidden.status_code, hidden.json()["code"]) == (404, "decision_not_found")
    assert (await small_risk.get("/decisions/p3", merchant="shop")).json()["decision"] == "decline"


async def test_only_a_stored_decision_can_be_read(small_risk: RiskApp) -> None:
    async def read(payment_id: str) -> tuple[int, str, list[str]]:
        response = await small_risk.get(f"/decisions/{payment_id}")
        problem = response.json()
        return response.status_code, problem["code"], [e["field"] for e in problem["errors"]]

    for unknown in ("unknown", "p" * 64):
        assert await read(unknown) == (404, "decision_not_found", [])
    for impossible in ("demo:p", "p" * 65, "%00", "-p", "p%0A"):
        assert await read(impossible) == (422, "validation_failed", ["payment_id"])


async def test_a_passed_deadline_scores_nothing(small_risk: RiskApp, sqlite_url: str) -> None:
    headers = {**caller("demo"), "x-request-deadline": "0"}
    response = await small_risk.client.post("/score", json=body(), headers=headers)

    assert (response.status_code, response.json()["code"]) == (503, "deadline_exceeded")
    assert await rows(sqlite_url, COUNTS) == [(0, 0)]


async def test_attempts_count_whatever_became_of_them(small_risk: RiskApp) -> None:
    for _ in range(3):
        assert (await small_risk.score(amount="5000.00"))["decision"] == "decline"
    answer = await small_risk.score()

    assert answer["decision"] == "decline"
    assert answer["reasons"][0]["rule"] == "velocity_count"


async def test_the_thresholds_in_force_are_listed_without_their_limits(
    sqlite_url: str, tmp_path: Path
) -> None:
    plain = risk_document(
        limits={"perPayment": limits(1_00, 2_00)},
        trial={"mode": "Shadow", "perPayment": limits(1_00, 2_00)},
    )
    refs = [
        {
            "kind": "RiskThreshold",
            "name": threshold.name,
            "editedBy": "kubectl",
            "editedAt": "2026-01-01T11:00:00Z",
        }
        for threshold in plain.payload.thresholds
    ]
    document = RiskDocument.build(plain.payload, [SourceRef.model_validate(r) for r in refs])
    async with risk_app(sqlite_url, tmp_path, document) as risk:
        answer = await risk.get("/thresholds")

    listed = answer.json()
    assert answer.status_code == 200
    assert listed["config_revision"] == plain.revision
    assert listed["last_edit"]["by"] == "kubectl"
    assert listed["last_edit"]["at"] == "2026-01-01T11:00:00.000000Z"
    names = [(t["name"], t["mode"]) for t in listed["thresholds"]]
    assert names == [("limits", "Enforce"), ("trial", "Shadow")]
    assert listed["thresholds"][0]["scope"] == "every payment"
    assert listed["thresholds"][0]["limits"][:2] == [
        "A payment is at most 2.00 USD.",
        "Above 1.00 USD it waits for a person.",
    ]
    assert "Minor" not in answer.text

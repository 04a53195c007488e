"""What a later release decided is told as it is, never as an approval, and never a 500."""

import json
from io import StringIO
from pathlib import Path

import pytest
from tests.later_release import store_as_later
from tests.risk.harness import RiskApp, body, item, risk_app, risk_document

REASON = {"rule": "moon", "points": 1, "message": "full moon", "since": 1}
SHADOW = {
    "threshold": "moon", "decision": "challenge", "score": 1, "reasons": [REASON], "more": 1,
}  # fmt: skip
LATER = {
    "a decision": "outcome = 'challenge'",
    "a decision in shadow": f"shadow = '{json.dumps([SHADOW])}'",
    "a member of a reason": f"reasons = '{json.dumps([REASON])}'",
}


@pytest.mark.parametrize("change", LATER.values(), ids=LATER)
async def test_it_is_read_by_the_release_before(
    risk: RiskApp, database_url: str, change: str
) -> None:
    await risk.score(payment_id="p1")
    await store_as_later(database_url, f"UPDATE decisions SET {change}")

    stored = await risk.get("/decisions/p1")
    asked = await risk.post("/score", body(payment_id="p1"))
    (scored,) = await risk.batch(item(payment_id="p1"))

    assert (stored.status_code, asked.status_code) == (200, 200), (stored.text, asked.text)
    assert scored["status"] == "scored"
    word = "challenge" if change.startswith("outcome") else "approve"
    told = {stored.json()["decision"], asked.json()["decision"], scored["decision"]}
    assert told == {word}


async def test_a_decision_that_is_not_known_is_loud(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = StringIO()
    monkeypatch.setattr("kurs.telemetry.service.standard_output", lambda: log)
    async with risk_app(sqlite_url, tmp_path / "config", risk_document(standard={})) as risk:
        await risk.score(payment_id="p1")
        await store_as_later(sqlite_url, f"UPDATE decisions SET {LATER['a decision']}")
        await risk.batch(item(payment_id="p1"))

    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    said = "a decision that this release does not know"
    (line,) = [line for line in lines if line["event"] == said]
    told = [line[name] for name in ("level", "merchant", "payment_id", "decision")]
    assert told == ["error", "demo", "p1", "challenge"]

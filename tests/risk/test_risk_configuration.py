"""Documents: what they become, how they are swapped, and what a bad one changes."""

from pathlib import Path

import pytest
from pydantic import ValidationError
from tests.risk.harness import RiskApp, limits, risk_app, risk_document

from kurs.kernel.accounts import new_payee_id
from kurs.kernel.clock import MICROS
from kurs_testing.waiting import eventually
from risk.configuration import policy_of
from risk.domain.outcome import Marks, Outcome
from risk.domain.policy import (
    AmountLimit,
    AmountSum,
    NewAccount,
    Scope,
    Threshold,
    VelocityLimit,
)
from risk.settings import RiskSettings

STRICT = risk_document(strict={"perPayment": limits(1, 2)})


def test_every_part_of_a_spec_reaches_the_policy() -> None:
    document = risk_document(
        everything={
            "mode": "Shadow",
            "scope": {"currencies": ["IDR"], "corridors": [{"from": "USD", "to": "JPY"}]},
            "priority": 7,
            "perPayment": limits(10, 20, "USD"),
            "velocity": [
                {"name": "a", "window": "1m", "maxCount": 3, "action": "Review"},
                {"name": "b", "window": "1h", "maxAmountMinor": 9, "action": "Decline"},
                {
                    "name": "c", "window": "1h", "maxCount": 1, "maxAmountMinor": 9,
                    "currency": "JPY", "action": "Decline",
                },
            ],
            "newAccount": {"maxAge": "2h", "points": 15},
            "blocklist": {"accounts": ["mallory"]},
            "score": {"review": 30, "decline": 60},
            "onMissingData": "Decline",
            "effectiveFrom": "1970-01-01T00:00:01Z",
            "effectiveUntil": "1970-01-01T00:00:02Z",
        }
    )  # fmt: skip

    assert policy_of(document, frozenset()).thresholds == (
        Threshold(
            "everything",
            marks=Marks(30, 60),
            shadow=True,
            scope=Scope(frozenset({"IDR"}), frozenset({("USD", "JPY")})),
            priority=7,
            amount=AmountLimit("USD", 10, 20),
            velocity=(
                VelocityLimit("a", 60, 3, None, Outcome.REVIEW),
                VelocityLimit("b", 3600, None, AmountSum("USD", 9), Outcome.DECLINE),
                VelocityLimit("c", 3600, 1, AmountSum("JPY", 9), Outcome.DECLINE),
            ),
            on_missing=Outcome.DECLINE,
            new_account=NewAccount(7200, 15),
            blocked=frozenset({"mallory"}),
            effective_from=MICROS,
            effective_until=2 * MICROS,
        ),
    )


def test_too_many_lengths_of_windows_are_refused() -> None:
    specs = {
        f"t{n}": {
            "velocity": [
                {
                    "name": f"w{k}",
                    "window": f"{60 + 20 * n + k}s",
                    "maxCount": 1,
                    "action": "Review",
                }
                for k in range(20)
            ]
        }
        for n in range(6)
    }

    with pytest.raises(ValueError, match="120 lengths of velocity windows"):
        policy_of(risk_document(**specs), frozenset())


async def test_without_a_document_nothing_is_decided(sqlite_url: str, tmp_path: Path) -> None:
    async with risk_app(sqlite_url, tmp_path / "config", None) as risk:
        ready = await risk.get("/readyz")
        refused = await risk.post("/score/batch", {"items": [_item()]})
        risk.write(risk_document())
        await eventually(lambda: _is_ready(risk))
        accepted = await risk.batch(_item())

    assert ready.status_code == 503
    assert ready.json()["checks"]["configuration"] is False
    assert (refused.status_code, refused.json()["code"]) == (503, "not_configured")
    assert accepted[0]["decision"] == "approve"


async def test_an_empty_document_means_the_built_in_rules(sqlite_url: str, tmp_path: Path) -> None:
    async with risk_app(sqlite_url, tmp_path / "config", risk_document()) as risk:
        plain = await risk.score(amount="1000000")
        new = await risk.score(source_opened_at=risk.clock.now())
        same = await risk.score(destination_account="alice")

    assert (plain["decision"], plain["score"]) == ("approve", 0)
    assert (new["decision"], new["score"]) == ("approve", 20)
    assert (same["decision"], same["score"]) == ("decline", 100)


async def test_a_new_document_holds_for_the_next_payment_and_not_for_a_decided_one(
    small_risk: RiskApp,
) -> None:
    first = await small_risk.score(payment_id="early")
    small_risk.write(STRICT)
    await eventually(lambda: _runs(small_risk, STRICT.revision))
    again = await small_risk.score(payment_id="early")
    later = await small_risk.score(payment_id="late")

    assert first["decision"] == "approve"
    assert again == first
    assert later["decision"] == "decline"
    assert later["config_revision"] == STRICT.revision


async def test_a_bad_document_leaves_the_last_good_one_in_force(small_risk: RiskApp) -> None:
    small_risk.write('{"schemaVersion": 1, "revision": "0000000000000000", "payload": {}}')
    await eventually(lambda: _has_error(small_risk))
    answer = await small_risk.score()
    config = (await small_risk.get("/internal/config")).json()

    assert answer["config_revision"] == config["revision"]
    assert "revision" in config["error"]
    assert await _is_ready(small_risk)


async def test_accounts_that_the_settings_block_are_declined(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with risk_app(
        sqlite_url, tmp_path / "config", risk_document(), blocked_accounts="eve, mallory"
    ) as risk:
        answer = await risk.score(source_account="eve")

    assert answer["decision"] == "decline"
    assert answer["reasons"][0]["rule"] == "blocklist"


async def test_a_shadow_threshold_is_kept_beside_the_decision_and_counted(
    sqlite_url: str, tmp_path: Path
) -> None:
    document = risk_document(
        trial={"mode": "Shadow", "perPayment": limits(1, 2)},
        real={"perPayment": limits(10**9, 10**9)},
    )
    async with risk_app(sqlite_url, tmp_path / "config", document) as risk:
        answer = await risk.score(payment_id="p")
        stored = (await risk.get("/decisions/p")).json()
        shadow = await risk.metric('kurs_risk_decisions_total{decision="decline",mode="shadow"}')
        enforced = await risk.metric('kurs_risk_decisions_total{decision="approve",mode="enforce"}')
        hits = await risk.metric(
            'kurs_risk_rule_hits_total{mode="shadow",outcome="decline",rule="amount"}'
        )

    assert (answer["decision"], answer["reasons"]) == ("approve", [])
    assert [(s["threshold"], s["decision"], s["score"]) for s in stored["shadow"]] == [
        ("trial", "decline", 100)
    ]
    assert (shadow, enforced, hits) == (1, 1, 1)


async def test_the_operator_is_told_what_a_shadow_threshold_would_have_decided(
    sqlite_url: str, tmp_path: Path
) -> None:
    trial = {"mode": "Shadow", "perPayment": limits(1, 2)}
    async with risk_app(sqlite_url, tmp_path / "config", risk_document(trial=trial)) as risk:
        await risk.score(payment_id="p")
        await risk.score(payment_id="q")
        counted = (await risk.get("/internal/config")).json()["reports"]
        other = risk_document(trial={**trial, "perPayment": limits(1, 3)})
        risk.write(other)
        await eventually(lambda: _runs(risk, other.revision))
        anew = (await risk.get("/internal/config")).json()["reports"]

    assert [(r["name"], r["decisions"]) for r in counted] == [("trial", {"decline": 2})]
    assert [(r["name"], r["decisions"]) for r in anew] == [("trial", {})]


def _item() -> dict[str, object]:
    return {
        "payment_id": "demo:p",
        "merchant": "demo",
        "amount": "1.00",
        "currency": "USD",
        "source_account": "alice",
        "destination_account": "bob",
    }


async def _is_ready(risk: RiskApp) -> bool:
    return (await risk.get("/readyz")).status_code == 200


async def _runs(risk: RiskApp, revision: str) -> bool:
    return bool((await risk.get("/internal/config")).json()["revision"] == revision)


async def _has_error(risk: RiskApp) -> bool:
    return bool((await risk.get("/internal/config")).json()["error"])


def test_no_payee_id_is_blocked_by_the_settings() -> None:
    with pytest.raises(ValidationError, match="merchant/account"):
        RiskSettings(blocked_accounts=f"eve, {new_payee_id()}")

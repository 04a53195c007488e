"""Shapes decisions into answers."""

import json
from typing import Any

from kurs.config.resources import RiskDocument
from kurs.contracts.reasons import public_reasons
from kurs.kernel.clock import to_rfc3339
from kurs.kernel.money import format_amount
from risk.domain.decision import Decision
from risk.domain.policy import Policy
from risk.domain.wording import limits_in_words, scope_in_words
from risk.schemas import (
    DecisionAnswer,
    InputsAnswer,
    ReasonAnswer,
    ScoreAnswer,
    ShadowAnswer,
    ThresholdAnswer,
    ThresholdsAnswer,
)


def score_answer(decision: Decision) -> ScoreAnswer:
    """Return a decision as its merchant sees it."""
    return ScoreAnswer(**_common(decision))


def decision_answer(decision: Decision, *, full: bool) -> DecisionAnswer:
    """Return a decision with its inputs.

    `full` is with figures and what shadow thresholds would have said, for the role `audit`.
    """
    inputs = json.loads(decision.inputs)
    opened = inputs.get("source_opened_at")
    common = _common(decision)
    if not full:
        common["reasons"] = [
            ReasonAnswer(**r) for r in public_reasons(json.loads(decision.reasons))
        ]
    return DecisionAnswer(
        **common,
        inputs=InputsAnswer(
            amount=format_amount(inputs["amount_minor"], inputs["currency"]),
            currency=inputs["currency"],
            source_account=inputs["source_account"],
            destination_account=inputs["destination_account"],
            destination_currency=inputs.get("destination_currency"),
            source_opened_at=_moment(opened),
        ),
        shadow=[ShadowAnswer(**found) for found in json.loads(decision.shadow) if full],
    )


def thresholds_answer(document: RiskDocument, policy: Policy) -> ThresholdsAnswer:
    """Return what a document holds, in words. For operators: who knows limits stays just below."""
    return ThresholdsAnswer(
        thresholds=[
            ThresholdAnswer(
                name=threshold.name,
                mode="Shadow" if threshold.shadow else "Enforce",
                priority=threshold.priority,
                scope=scope_in_words(threshold.scope),
                limits=limits_in_words(threshold),
                effective_from=_moment(threshold.effective_from),
                effective_until=_moment(threshold.effective_until),
            )
            for threshold in policy.ordered
        ],
        config_revision=document.revision,
        last_edit=document.last_edit(),
    )


def _moment(micros: int | None) -> str | None:
    return None if micros is None else to_rfc3339(micros)


def scored(decision: Decision) -> str:
    """Return the JSON of a scored item.

    Put together from what is stored: ids, words and revisions hold no character that JSON would
    escape, and the reasons are JSON already.
    """
    d = decision
    return (
        f'{{"status":"scored","payment_id":"{d.payment_id}","decision":"{d.outcome}",'
        f'"score":{d.score},"reasons":{d.reasons},"config_revision":"{d.config_revision}",'
        f'"decided_at":{d.decided_at}}}'
    )


def batch_answer(results: list[str]) -> bytes:
    """Return the body of a batch's answer."""
    return ('{"results":[' + ",".join(results) + "]}").encode()


def _common(decision: Decision) -> dict[str, Any]:
    return {
        "payment_id": decision.payment_id.partition(":")[2],
        "decision": decision.outcome,
        "score": decision.score,
        "reasons": [ReasonAnswer(**reason) for reason in json.loads(decision.reasons)],
        "config_revision": decision.config_revision,
        "decided_at": to_rfc3339(decision.decided_at),
    }

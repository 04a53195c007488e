"""The verdict: whether what the callers were told is what is stored, once, and nothing else.

Every finding is a sentence that begins with the payment or account it is about.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from tests.crash.evidence import Evidence, Row
from tests.crash.expectation import minor
from tests.crash.history import History, Reply
from tests.crash.ledger_verdict import LedgerRows, judge_ledger, judge_transfers
from tests.crash.workload import Job, Plan, Step

_EXPIRES_AS = {"AUTHORIZED": ("EXPIRED", None), "REVIEW": ("FAILED", "review_expired")}
_ALWAYS_POSSIBLE = frozenset({"review_refused", "review_expired", "hold_expired"})
"""Any payment may go to review, while risk has no rates, and an outage may outlast a hold."""


def judge(plan: Plan, history: History, evidence: Evidence) -> list[str]:
    """Return what is wrong with a round that has settled; nothing is as it should be."""
    ledger = LedgerRows(evidence)
    findings = [*judge_ledger(plan, evidence, ledger), *_strangers(plan, evidence)]
    kept = {row["payment_id"]: row for row in evidence.payment_rows}
    operations = _by_uid(evidence.operations)
    events = _by_uid(evidence.events)
    decisions = {row["payment_id"]: row["outcome"] for row in evidence.decisions}
    for job in plan.jobs:
        found = [*_judge_replies(job, history)]
        payment = evidence.payments[job.payment_id]
        if payment is None:
            told = history.outcome(job.pay)
            found += [f"was acknowledged ({told}) and does not exist"] if told else []
        else:
            uid = kept[job.payment_id]["uid"]
            found += _judge_story(job, history, payment)
            found += _judge_outcome(job, payment)
            found += judge_transfers(uid, payment, _refunds(job, history), ledger)
            found += _judge_records(
                payment, kept[job.payment_id], operations[uid], events[uid], decisions.get(uid)
            )
        findings += [f"{job.payment_id} {text}" for text in found]
    return findings


def _judge_replies(job: Job, history: History) -> Iterator[str]:
    if job.pay.name not in history.replies:
        yield "was never sent"
    for step in job.steps():
        replies = history.replies.get(step.name, [])
        for reply in replies:
            if not (reply.is_outcome() or reply.is_open() or reply.is_refusal()):
                yield f"{step.action}: answered {reply}"
        if history.unsettled(step):
            yield f"{step.action}: no final answer, at last {replies[-1]}"
        bodies = {reply.body for reply in replies if reply.is_outcome()}
        if len(bodies) > 1:
            yield f"{step.action}: {len(bodies)} different answers: {sorted(bodies)}"


def _judge_story(job: Job, history: History, payment: dict[str, Any]) -> Iterator[str]:
    """Hold the payment to the acknowledgements: it is what the last of them said."""
    told = [
        (step, reply)
        for step in (job.pay, job.follow, job.decision, *job.refunds)
        if (reply := history.outcome(step)) is not None and step is not None
    ]
    if not told:
        yield f"never got an outcome and is {payment['status']}"
        return
    for name in ("amount", "currency", "source_account", "destination_account"):
        if payment[name] != job.pay.body[name]:
            yield f"has {name} {payment[name]}, asked was {job.pay.body[name]}"
    shown = [_payment_of(reply) for _, reply in told]
    for earlier in shown:
        for name in ("fx", "risk", "created_at", "destination_currency"):
            if earlier[name] != payment[name]:
                yield f"was told with {name} {earlier[name]} and has {payment[name]}"
    last = max(shown, key=lambda document: document["updated_at"])
    if last["status"] in _EXPIRES_AS:
        status, code = _EXPIRES_AS[last["status"]]
        if (payment["status"], _failure(payment)) != (status, code):
            yield f"was {last['status']} to its caller and is {_told(payment)}"
    elif last != payment:
        yield f"was {_told(last)} to its caller and is {_told(payment)}"
    for step, reply in told:
        yield from _judge_step(step, reply, payment)


def _judge_step(step: Step, reply: Reply, payment: dict[str, Any]) -> Iterator[str]:
    document = reply.document()
    if step.action == "capture" and reply.status == 200:
        wanted = step.amount or minor(payment["amount"], payment["currency"])
        if minor(document["captured_amount"], payment["currency"]) != wanted:
            yield f"capture of {wanted} took {document['captured_amount']}"
    elif step.action == "refund":
        given = minor(document["amount"], payment["currency"])
        if document["status"] != "SUCCEEDED" or given != step.amount:
            yield f"refund of {step.amount} ended {document['status']} with {given}"
    elif step.action != "pay" and reply.status == 400 and _failure(document) is None:
        yield f"{step.action} failed without a reason"


def _judge_outcome(job: Job, payment: dict[str, Any]) -> Iterator[str]:
    failure = _failure(payment)
    if job.must_fail is not None:
        if failure != job.must_fail:
            yield f"must fail with {job.must_fail} and is {_told(payment)}"
    elif failure is not None and failure not in job.may_fail | _ALWAYS_POSSIBLE:
        yield f"failed with {failure}: {payment['failure']['message']}"


def _judge_records(
    payment: dict[str, Any],
    row: Row,
    operations: list[Row],
    events: list[Row],
    decision: str | None,
) -> Iterator[str]:
    """Hold the stored operations, events and risk's decision to the payment."""
    if row["active_operation"] is not None:
        yield f"is still worked on by {row['active_operation']}"
    for operation in operations:
        if operation["lease_until"] is not None or operation["answer_status"] is None:
            yield f"operation {operation['operation_id']} is pending"
    moves = [(event["from_status"], event["to_status"]) for event in events]
    ends = [None, *(to for _, to in moves)]
    if [began for began, _ in moves] != ends[:-1] or ends[-1] != payment["status"]:
        yield f"is {payment['status']}, and its events tell {moves}"
    risk = payment["risk"]
    if risk is not None and risk["decision"] != decision:
        yield f"was decided as {risk['decision']}, and risk keeps {decision}"


def _strangers(plan: Plan, evidence: Evidence) -> Iterator[str]:
    known = {job.payment_id for job in plan.jobs}
    for row in evidence.payment_rows:
        if row["payment_id"].startswith(f"{plan.name}-") and row["payment_id"] not in known:
            yield f"{row['payment_id']} is stored and was never asked for"


def _refunds(job: Job, history: History) -> list[int]:
    """Return the amounts of the acknowledged refunds, in minor units."""
    replies = [(step, history.outcome(step)) for step in job.refunds]
    return [s.amount for s, r in replies if r and r.document()["status"] == "SUCCEEDED"]


def _payment_of(reply: Reply) -> dict[str, Any]:
    document = reply.document()
    payment: dict[str, Any] = document.get("payment", document)
    if payment["status"] == "EXPIRED":
        # A capture that came too late says so; the payment itself has not failed.
        payment["failure"] = None
    return payment


def _failure(payment: dict[str, Any]) -> str | None:
    return payment["failure"]["code"] if payment["failure"] else None


def _told(payment: dict[str, Any]) -> str:
    failure = _failure(payment)
    amounts = f"{payment['captured_amount']} captured, {payment['refunded_amount']} refunded"
    return f"{payment['status']} ({failure or amounts})"


def _by_uid(rows: Any) -> dict[str, list[Row]]:
    grouped: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        grouped[row["uid"]].append(row)
    return grouped

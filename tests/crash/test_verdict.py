"""The verdict on made-up evidence: a sound round passes, and every kind of damage is found."""

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pytest
from tests.crash.evidence import Evidence
from tests.crash.history import History, Reply
from tests.crash.verdict import judge
from tests.crash.workload import Job, Plan, Step

AT = "2026-11-24T06:25:29.{:06}Z"
FX = {"quote_id": "q1", "mid": "150", "spread_bps": 50, "rate": "149.25"}
"""10.00 USD are 1500 JPY at mid; 1492 arrive and 8 are revenue."""


@dataclass
class Case:
    """A round of three payments: p-1 across currencies, p-2 a hold, captured and partly refunded,
    p-3 a hold that was left to expire."""

    plan: Plan
    history: History
    evidence: Evidence

    def findings(self) -> list[str]:
        """Return what the verdict says."""
        return judge(self.plan, self.history, self.evidence)


def answer(name: str, status: str, moment: int, **changes: Any) -> dict[str, Any]:
    return {
        "payment_id": name, "status": status, "amount": "10.00", "currency": "USD",
        "source_account": "p-a", "destination_account": "p-b", "destination_amount": "10.00",
        "destination_currency": "USD", "fx": None, "risk": {"decision": "approve"},
        "failure": None, "capture": "manual", "captured_amount": "0.00",
        "refunded_amount": "0.00", "created_at": AT.format(0), "updated_at": AT.format(moment),
        **changes,
    }  # fmt: skip


def job(name: str, **options: Any) -> Job:
    body = {"payment_id": name, "amount": "10.00", "currency": "USD"}
    body |= {"source_account": "p-a", "destination_account": "p-b"}
    pay = Step(f"{name} pay", "pay", "/payments", body, "", 1000)
    return Job(name, pay, Step(f"{name} approve", "approve", "", None), **options)


def reply(document: dict[str, Any]) -> Reply:
    return Reply(200, json.dumps(document).encode())


@pytest.fixture
def case() -> Case:
    capture = Step("p-2 capture", "capture", "", None, "", 0)
    refund = Step("p-2 refund 0", "refund", "", None, "k", 400)
    jobs = [job("p-1"), job("p-2", follow=capture, refunds=[refund]), job("p-3")]
    plan = Plan("p", 0, {"p-a": None, "p-b": None}, {("p-a", "USD"): 5000}, jobs)
    bought = {"fx": FX, "destination_amount": "1492", "destination_currency": "JPY"}
    exchanged = answer("p-1", "CAPTURED", 1, capture="automatic", captured_amount="10.00", **bought)
    captured = answer("p-2", "CAPTURED", 3, captured_amount="10.00")
    refunded = {**captured, "status": "PARTIALLY_REFUNDED", "refunded_amount": "4.00"}
    refunded["updated_at"] = AT.format(4)
    history = History()
    history.add(jobs[0].pay, Reply(0, b"reset"))
    history.add(jobs[0].pay, reply(exchanged))
    history.add(jobs[1].pay, reply(answer("p-2", "AUTHORIZED", 2)))
    history.add(capture, reply(captured))
    told = {"refund_id": "r", "status": "SUCCEEDED", "amount": "4.00", "payment": refunded}
    history.add(refund, reply(told))
    history.add(jobs[2].pay, reply(answer("p-3", "AUTHORIZED", 2)))
    payments = {"p-1": exchanged, "p-2": refunded, "p-3": answer("p-3", "EXPIRED", 9)}
    return Case(plan, history, evidence(payments))


def evidence(payments: dict[str, Any]) -> Evidence:
    return Evidence(
        payments=deepcopy(payments),
        **of_the_ledger(),
        **of_payments(payments),
        decisions=[{"payment_id": f"demo:{p}", "outcome": "approve"} for p in payments],
    )


def of_the_ledger() -> dict[str, Any]:
    return {
        "balances": {
            "p-a": [{"currency": "USD", "total": "34.00", "held": "0.00"}],
            "p-b": [
                {"currency": "USD", "total": "6.00", "held": "0.00"},
                {"currency": "JPY", "total": "1492", "held": "0"},
            ],
        },
        "trial_balance": [{"currency": "USD", "sum": "0.00"}, {"currency": "JPY", "sum": "0"}],
        "transfers": [
            transfer("dep:demo:p-a-USD"),
            transfer("pay:demo:p-1", quote_id="q1"),
            transfer("pay:demo:p-2"),
            transfer("capture:demo:p-2"),
            transfer("refund:demo:p-2:abc"),
            transfer("pay:demo:p-3"),
            transfer("expire:pay:demo:p-3", created_at=7),
        ],
        "postings": [
            *postings("dep:demo:p-a-USD", ("house:world", "USD", -5000), ("p-a", "USD", 5000)),
            *postings(
                "pay:demo:p-1",
                ("p-a", "USD", -1000),
                ("house:liquidity", "USD", 1000),
                ("house:liquidity", "JPY", -1500),
                ("p-b", "JPY", 1492),
                ("house:fx-revenue", "JPY", 8),
            ),
            *postings("capture:demo:p-2", ("p-a", "USD", -1000), ("p-b", "USD", 1000)),
            *postings("refund:demo:p-2:abc", ("p-a", "USD", 400), ("p-b", "USD", -400)),
        ],
        "holds": [
            hold("pay:demo:p-2", "captured", "capture:demo:p-2"),
            hold("pay:demo:p-3", "expired", "expire:pay:demo:p-3"),
        ],
        "positions": [
            position("house:world", "USD", -5000),
            position("house:liquidity", "USD", 1000),
            position("house:liquidity", "JPY", -1500),
            position("house:fx-revenue", "JPY", 8),
            position("p-a", "USD", 3400),
            position("p-b", "USD", 600),
            position("p-b", "JPY", 1492),
        ],
    }


def of_payments(payments: dict[str, Any]) -> dict[str, Any]:
    ways = {
        "p-1": ["RECEIVED", "CAPTURED"],
        "p-2": ["RECEIVED", "AUTHORIZED", "CAPTURED", "PARTIALLY_REFUNDED"],
        "p-3": ["RECEIVED", "AUTHORIZED", "EXPIRED"],
    }
    return {
        "payment_rows": [
            {"uid": f"demo:{p}", "payment_id": p, "status": payments[p]["status"],
             "active_operation": None}
            for p in payments
        ],
        "operations": [
            {"operation_id": f"pay:demo:{p}", "uid": f"demo:{p}", "kind": "pay",
             "lease_until": None, "attempts": 1, "answer_status": 200}
            for p in payments
        ],
        "events": [
            {"uid": f"demo:{p}", "from_status": began, "to_status": to}
            for p, way in ways.items()
            for began, to in zip([None, *way], way, strict=False)
        ],
    }  # fmt: skip


def transfer(transfer_id: str, **changes: Any) -> dict[str, Any]:
    return {"transfer_id": transfer_id, "kind": "post", "status": "applied", "code": None,
            "hold_id": None, "quote_id": None, "created_at": 3, **changes}  # fmt: skip


def postings(transfer_id: str, *legs: tuple[str, str, int]) -> list[dict[str, Any]]:
    return [
        {"transfer_id": transfer_id, "account_id": account, "currency": currency, "amount": amount}
        for account, currency, amount in legs
    ]


def hold(hold_id: str, state: str, closed_by: str | None) -> dict[str, Any]:
    return {"hold_id": hold_id, "account_id": "p-a", "currency": "USD", "amount": 1000,
            "state": state, "expires_at": 6, "closed_by": closed_by}  # fmt: skip


def position(account: str, currency: str, posted: int) -> dict[str, Any]:
    kind = "house" if account.startswith("house:") else "customer"
    return {"account_id": account, "currency": currency, "posted": posted, "held": 0, "kind": kind}


def row(rows: Any, **wanted: Any) -> dict[str, Any]:
    found: dict[str, Any] = next(r for r in rows if wanted.items() <= r.items())
    return found


def test_a_sound_round_has_no_findings(case: Case) -> None:
    assert case.findings() == []


def lose_a_posting(case: Case) -> None:
    rows = case.evidence.postings
    rows.remove(row(rows, transfer_id="capture:demo:p-2", account_id="p-b"))


def lose_a_transfer(case: Case) -> None:
    evidence = case.evidence
    evidence.transfers = [t for t in evidence.transfers if t["transfer_id"] != "pay:demo:p-1"]
    evidence.postings = [p for p in evidence.postings if p["transfer_id"] != "pay:demo:p-1"]


def lose_a_payment(case: Case) -> None:
    case.evidence.payments["p-1"] = None


def pay_twice(case: Case) -> None:
    """A second transfer for one payment, with the balances as they would then be."""
    evidence = case.evidence
    evidence.transfers.append(transfer("pay:demo:p-2:again"))
    evidence.postings += postings("pay:demo:p-2:again", ("p-a", "USD", -1000), ("p-b", "USD", 1000))
    row(evidence.positions, account_id="p-a")["posted"] -= 1000
    row(evidence.positions, account_id="p-b", currency="USD")["posted"] += 1000


def refund_twice(case: Case) -> None:
    evidence = case.evidence
    evidence.transfers.append(transfer("refund:demo:p-2:def"))
    evidence.postings += postings("refund:demo:p-2:def", ("p-a", "USD", 400), ("p-b", "USD", -400))


def take_the_wrong_amount(case: Case) -> None:
    for leg in case.evidence.postings:
        if leg["transfer_id"] == "capture:demo:p-2":
            leg["amount"] *= 2


def keep_the_spread(case: Case) -> None:
    """The receiver's money goes to the house; every sum is still zero."""
    row(case.evidence.postings, transfer_id="pay:demo:p-1", account_id="p-b")["amount"] = 1490
    row(case.evidence.postings, account_id="house:fx-revenue")["amount"] = 10
    row(case.evidence.positions, account_id="p-b", currency="JPY")["posted"] = 1490
    row(case.evidence.positions, account_id="house:fx-revenue")["posted"] = 10


def invent_a_payment(case: Case) -> None:
    case.evidence.payment_rows.append({"payment_id": "p-9", "uid": "demo:p-9"})


def invent_a_transfer(case: Case) -> None:
    case.evidence.transfers.append(transfer("pay:demo:p-9"))


def leave_a_hold(case: Case) -> None:
    row(case.evidence.holds, hold_id="pay:demo:p-3")["state"] = "held"


def capture_after_expiry(case: Case) -> None:
    row(case.evidence.transfers, transfer_id="capture:demo:p-2")["created_at"] = 8


def expire_what_was_captured(case: Case) -> None:
    row(case.evidence.holds, hold_id="pay:demo:p-2").update(state="expired", closed_by="x")


def overdraw(case: Case) -> None:
    row(case.evidence.positions, account_id="p-b", currency="USD")["posted"] = -1


def move_a_balance(case: Case) -> None:
    case.evidence.balances["p-a"][0]["total"] = "33.99"


def use_a_quote_twice(case: Case) -> None:
    row(case.evidence.transfers, transfer_id="capture:demo:p-2")["quote_id"] = "q1"


def tilt_the_trial_balance(case: Case) -> None:
    case.evidence.trial_balance[0]["sum"] = "0.01"


def leave_an_operation(case: Case) -> None:
    row(case.evidence.operations, uid="demo:p-2")["lease_until"] = 1


def leave_a_worker(case: Case) -> None:
    row(case.evidence.payment_rows, payment_id="p-2")["active_operation"] = "capture:demo:p-2"


def lose_an_event(case: Case) -> None:
    case.evidence.events.remove(row(case.evidence.events, uid="demo:p-2", to_status="CAPTURED"))


def change_a_decision(case: Case) -> None:
    row(case.evidence.decisions, payment_id="demo:p-1")["outcome"] = "review"


def change_an_acknowledged_status(case: Case) -> None:
    case.evidence.payments["p-2"]["status"] = "CAPTURED"


def change_an_acknowledged_rate(case: Case) -> None:
    case.evidence.payments["p-1"]["fx"] = {**FX, "quote_id": "q2"}


def answer_differently_when_repeated(case: Case) -> None:
    case.history.add(case.plan.jobs[0].pay, reply(answer("p-1", "FAILED", 1)))


def answer_with_a_fault(case: Case) -> None:
    case.history.add(case.plan.jobs[0].pay, Reply(500, b'{"code": "internal"}'))


def never_answer(case: Case) -> None:
    case.history.replies["p-3 pay"] = [Reply(202, b"{}")]


def fail_without_need(case: Case) -> None:
    failed = answer("p-3", "FAILED", 2, failure={"code": "timed_out", "message": "late"})
    case.history.replies["p-3 pay"] = [reply(failed)]
    case.evidence.payments["p-3"] = failed


@pytest.mark.parametrize(
    ("damage", "finding"),
    [
        (lose_a_posting, "do not sum to zero"),
        (lose_a_posting, "p-2 moved"),
        (lose_a_transfer, "p-1 is CAPTURED: ['pay:demo:p-1'] must have moved its money"),
        (lose_a_payment, "p-1 was acknowledged (200 CAPTURED) and does not exist"),
        (pay_twice, "p-2 is PARTIALLY_REFUNDED: ['capture:demo:p-2'] must have moved"),
        (refund_twice, "p-2 gave back [400, 400], acknowledged were [400]"),
        (take_the_wrong_amount, "p-2 moved"),
        (keep_the_spread, "p-1 moved"),
        (invent_a_payment, "p-9 is stored and was never asked for"),
        (invent_a_transfer, "p-9 was never asked for and has ['pay:demo:p-9']"),
        (leave_a_hold, "p-3 its hold outlives its expiry"),
        (capture_after_expiry, "p-2 its hold until 6 was captured at 8"),
        (expire_what_was_captured, "p-2 its hold was expired by x"),
        (overdraw, "p-b is below zero"),
        (move_a_balance, "p-a has 3399 USD and must have 3400"),
        (use_a_quote_twice, "quote q1 was used 2 times"),
        (tilt_the_trial_balance, "the trial balance of USD is 0.01"),
        (leave_an_operation, "p-2 operation pay:demo:p-2 is pending"),
        (leave_a_worker, "p-2 is still worked on by capture:demo:p-2"),
        (lose_an_event, "p-2 is PARTIALLY_REFUNDED, and its events tell"),
        (change_a_decision, "p-1 was decided as approve, and risk keeps review"),
        (change_an_acknowledged_status, "p-2 was PARTIALLY_REFUNDED"),
        (change_an_acknowledged_rate, "p-1 was told with fx"),
        (answer_differently_when_repeated, "p-1 pay: 2 different answers"),
        (answer_with_a_fault, "p-1 pay: answered 500 internal"),
        (never_answer, "p-3 pay: no final answer, at last 202"),
        (fail_without_need, "p-3 failed with timed_out: late"),
    ],
)
def test_damage_is_found_and_named(
    case: Case, damage: Callable[[Case], None], finding: str
) -> None:
    damage(case)

    assert any(finding in found for found in case.findings()), case.findings()

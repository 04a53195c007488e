"""Every kind of operation in every status: what may begin, what is refused and how, what follows.

`EXPECTED` was written by hand, from docs/api.md; the cases are made from the table of legal moves.
"""

import pytest
from msgspec.structs import replace

from kurs.kernel.errors import Problem
from payments.domain.beginning import Started, begin, left_of
from payments.domain.failure import Failure, FailureCode
from payments.domain.identity import captured_by, captured_from, operation_id
from payments.domain.ledger import Made, Refused, Result
from payments.domain.moves import HELD, MOVES, Kind, Status, leads_to, may_begin
from payments.domain.operation import Operation
from payments.domain.outcomes import Captured, Outcome, Paid, Refunded, Released
from payments.domain.payment import IllegalMove, Payment
from payments.domain.refunds import at_payments_rate
from payments.errors import problem_of

NO = "operation_not_allowed"
EXPECTED = {
    #                      pay   capture void  refund approve refuse expire
    "RECEIVED":           "yes   no      no    no     no      no     no",
    "AUTHORIZED":         "no    yes     yes   no     no      no     yes",
    "REVIEW":             "no    no      no    no     yes     yes    yes",
    "CAPTURED":           "no    no      no    yes    no      no     no",
    "PARTIALLY_REFUNDED": "no    no      no    yes    no      no     no",
    "FAILED":             "no    no      no    no     no      no     no",
    "VOIDED":             "no    no      no    no     no      no     no",
    "EXPIRED":            "no    no      no    no     no      no     no",
    "REFUNDED":           "no    no      no    no     no      no     no",
    "TELEPORTED":         "no    no      no    no     no      no     no",
}  # fmt: skip
FOLLOWS = {
    ("pay", "RECEIVED"): "CAPTURED AUTHORIZED REVIEW FAILED",
    ("capture", "AUTHORIZED"): "CAPTURED EXPIRED",
    ("void", "AUTHORIZED"): "VOIDED EXPIRED",
    ("expire", "AUTHORIZED"): "EXPIRED",
    ("approve", "REVIEW"): "CAPTURED FAILED",
    ("refuse", "REVIEW"): "FAILED",
    ("expire", "REVIEW"): "FAILED",
    ("refund", "CAPTURED"): "PARTIALLY_REFUNDED REFUNDED",
    ("refund", "PARTIALLY_REFUNDED"): "PARTIALLY_REFUNDED REFUNDED",
}
ALLOWED = {
    (kind.value, status)
    for status, row in EXPECTED.items()
    for kind, word in zip(Kind, row.split(), strict=True)
    if word == "yes"
}
CASES = [(kind, status) for kind in [*Kind, "teleport"] for status in [*Status, "TELEPORTED"]]
GONE = Refused("hold_expired", Failure(FailureCode.HOLD_EXPIRED, "gone"))
POOR = Refused("insufficient_funds", Failure(FailureCode.INSUFFICIENT_FUNDS, "poor"))
RISK = {"decision": "approve", "score": 0, "reasons": [], "config_revision": "r"}


def stored(status: str) -> Payment:
    captured = 1000 if status in ("CAPTURED", "PARTIALLY_REFUNDED", "REFUNDED") else 0
    refunded = {"PARTIALLY_REFUNDED": 300, "REFUNDED": 1000}.get(status, 0)
    held = 9 if status in HELD else None
    return Payment(
        "shop", "p1", 1000, "USD", "a", "b", created_at=1, updated_at=1, status=status, risk=RISK,
        destination_currency="USD", destination_amount=1000, captured_amount=captured,
        refunded_amount=refunded, hold_expires_at=held,
    )  # fmt: skip


def operation(kind: str, amount: int = 0) -> Operation:
    name = operation_id(kind, "shop:p1", "key")
    return Operation(name, "shop:p1", kind, name, "f", amount, "shop/key", 1, 9)


def code_of(problem: Problem) -> str:
    return problem.code


@pytest.mark.parametrize(("kind", "status"), CASES, ids=[f"{k}-{s}" for k, s in CASES])
def test_what_may_begin(kind: str, status: str) -> None:
    begun = begin(stored(status), operation(kind))

    if (str(kind), str(status)) in ALLOWED:
        assert isinstance(begun, Started)
        assert begun.payment.active_operation == begun.operation.operation_id
        assert begun.payment.version == 2
        assert begun.operation.amount == left_of(stored(status), kind)
    else:
        assert not isinstance(begun, Started)
        assert code_of(problem_of(begun)) == NO


@pytest.mark.parametrize(("kind", "status"), CASES, ids=[f"{k}-{s}" for k, s in CASES])
def test_where_it_may_lead(kind: str, status: str) -> None:
    expected = set(FOLLOWS.get((str(kind), str(status)), "").split())

    assert {str(to) for to in MOVES.get(kind, {}).get(status, ())} == expected
    assert may_begin(kind, status) is bool(expected)


@pytest.mark.parametrize("status", [*Status, "TELEPORTED"])
def test_a_payment_moves_as_the_table_says_and_no_other_way(status: str) -> None:
    allowed = {to for (_, begins), to in FOLLOWS.items() if begins == status}
    expected = {word for words in allowed for word in words.split()}

    moved = set()
    for to in Status:
        try:
            after = stored(status).move(to, at=2)
        except IllegalMove:
            continue
        moved.add(str(to))
        assert (after.status, after.active_operation, after.updated_at) == (to, None, 2)
    assert moved == expected == {str(to) for to in leads_to(status)}


def settle(kind: str, payment: Payment, result: Result) -> Outcome:
    """Return what an operation of this kind makes of an answer of the ledger."""
    done = operation(kind, left_of(payment, kind))
    match kind:
        case Kind.PAY:
            moved = payment.move(payment.paid_as, at=2, captured_amount=payment.amount)
            return Paid(payment, moved).outcome(result, 2)
        case Kind.CAPTURE | Kind.APPROVE:
            return Captured(payment, done).outcome(result, 2)
        case Kind.REFUND:
            refund = at_payments_rate(payment, done.amount, returns_spread=True)
            return Refunded(payment, done, refund).outcome(result, 2)
        case _:
            return Released(payment, done).outcome(result, 2)


@pytest.mark.parametrize("result", [Made(), GONE, POOR], ids=["made", "gone", "refused"])
@pytest.mark.parametrize(("kind", "status"), sorted(ALLOWED))
def test_every_outcome_is_one_that_the_table_names(kind: str, status: str, result: Result) -> None:
    settled = settle(kind, stored(status), result)

    after = settled.payment.status
    assert str(after) in FOLLOWS[kind, status].split() or settled.failure is not None
    if after != status:
        assert settled.payment.active_operation is None


@pytest.mark.parametrize(("kind", "status"), sorted(ALLOWED))
def test_nothing_begins_beside_another_operation(kind: str, status: str) -> None:
    busy = replace(stored(status), active_operation="capture:shop:p1")

    begun = begin(busy, operation(kind))

    assert not isinstance(begun, Started)
    assert code_of(problem_of(begun)) == "operation_in_progress"


@pytest.mark.parametrize(("kind", "status"), sorted(ALLOWED))
def test_nothing_begins_for_more_than_is_left(kind: str, status: str) -> None:
    left = {"PARTIALLY_REFUNDED": 700}.get(status, 1000)

    begun = begin(stored(status), operation(kind, left + 1))

    assert not isinstance(begun, Started)
    assert problem_of(begun).detail == f"only {left // 100}.00 USD is left to {kind}"
    assert isinstance(begin(stored(status), operation(kind, left)), Started)


@pytest.mark.parametrize(
    ("decision", "capture", "kind"),
    [
        ("approve", "automatic", "pay"),
        ("approve", "manual", "capture"),
        ("review", "automatic", "approve"),
        ("review", "manual", "approve"),
    ],
)
def test_which_transfer_took_the_money(decision: str, capture: str, kind: str) -> None:
    payment = replace(stored("CAPTURED"), capture=capture, risk={**RISK, "decision": decision})

    assert captured_by(payment) == f"{kind}:shop:p1"


@pytest.mark.parametrize(
    ("before", "kind"), [("RECEIVED", "pay"), ("AUTHORIZED", "capture"), ("REVIEW", "approve")]
)
def test_an_event_names_the_transfer_that_took_the_money(before: str, kind: str) -> None:
    assert captured_from(before, "shop:p1") == f"{kind}:shop:p1"

"""The names of payments and operations: alike for the same request, and for no other one."""

import pytest
from msgspec.structs import replace
from tests.payments.domain.cases import CROSS, PLAIN, held, operation

from payments.domain.beginning import (
    InProgress,
    KeyUsed,
    Replay,
    TooLittle,
    begin,
    is_repeated,
    repeat,
)
from payments.domain.identity import (
    idempotency,
    named,
    operation_id,
    payment_fingerprint,
    payment_id,
    refund_id,
)
from payments.domain.moves import Kind
from payments.domain.operation import Answer


def test_a_payment_without_a_name_is_named_by_its_key_or_its_request() -> None:
    by_key = payment_id("shop", "key", "request-1")

    assert by_key == payment_id("shop", "key", "request-2")
    assert by_key != payment_id("shop", "other", "request-1")
    assert by_key != payment_id("demo", "key", "request-1")
    assert payment_id("shop", "", "r1") == payment_id("shop", "", "r1")
    assert payment_id("shop", "", "r1") != payment_id("shop", "", "r2")


def test_operations_have_one_name_a_payment_and_refunds_one_a_key() -> None:
    assert operation_id(Kind.CAPTURE, PLAIN) == "capture:shop:p1"
    assert operation_id(Kind.REFUND, PLAIN, "a") != operation_id(Kind.REFUND, PLAIN, "b")
    assert refund_id(operation_id(Kind.REFUND, PLAIN, "a")).startswith("rfd_")
    assert idempotency("shop", "", "pay:shop:p1") == "pay:shop:p1"
    assert idempotency("shop", "k", "x") == "k:shop:k"


@pytest.mark.parametrize(
    ("name", "payment", "merchant"),
    [("pay:shop:p1", "p1", "shop"), ("refund:shop:p1:0f", "p1", "shop"), ("odd", "", "")],
)
def test_log_lines_name_the_payment_of_any_operation(
    name: str, payment: str, merchant: str
) -> None:
    assert named(name) == {"payment_id": payment, "merchant": merchant, "operation_id": name}


def test_every_member_of_a_request_makes_it_another_one() -> None:
    seen = {
        payment_fingerprint(p)
        for p in (
            PLAIN,
            replace(PLAIN, amount=1),
            replace(PLAIN, capture="manual"),
            replace(PLAIN, metadata={"a": "b"}),
            replace(PLAIN, quote="q"),
        )
    }

    assert len(seen) == 5
    assert payment_fingerprint(replace(PLAIN, updated_at=99)) in seen


def test_what_a_repeated_request_gets() -> None:
    answer = Answer(200, b"{}")
    asked = operation(Kind.CAPTURE, created_at=5)

    assert repeat(operation(Kind.CAPTURE, fingerprint="other"), asked) == KeyUsed()
    assert repeat(operation(Kind.CAPTURE, answer=answer), asked) == Replay(answer)
    assert repeat(operation(Kind.CAPTURE, lease_until=6), asked) == InProgress()
    assert repeat(operation(Kind.CAPTURE, lease_until=5), asked) is None
    # What it stored itself, and was not told of, is no reason to wait.
    assert repeat(replace(asked, lease_until=6), replace(asked, lease_until=6)) == InProgress()
    own = replace(asked, lease_until=6)
    assert repeat(own, own, may_be_own=True) is None
    assert repeat(replace(own, attempts=2), own, may_be_own=True) == InProgress()
    assert repeat(replace(own, created_at=4), own, may_be_own=True) == InProgress()


def test_without_a_key_of_its_own_only_the_same_content_is_a_repeat() -> None:
    keyed = operation(Kind.CAPTURE, idempotency="k:shop:key")

    assert is_repeated(operation(Kind.CAPTURE), keyed)
    assert is_repeated(operation(Kind.CAPTURE), operation(Kind.CAPTURE))
    assert not is_repeated(operation(Kind.CAPTURE, fingerprint="g"), operation(Kind.CAPTURE))


def test_a_capture_of_nothing_worth_does_not_begin() -> None:
    dust = replace(held(CROSS), amount=100_00, destination_amount=1)

    assert isinstance(begin(dust, operation(Kind.CAPTURE, 1)), TooLittle)

"""Payments within a currency and across two, their operations, and the quote between them."""

from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from kurs.quotes.token import Quote
from payments.domain.identity import operation_id
from payments.domain.moves import Status
from payments.domain.operation import Operation
from payments.domain.payment import Payment
from payments.domain.quotes import rate_of

RISK = {"decision": "approve", "score": 0, "reasons": [], "config_revision": "r1"}
QUOTE = Quote(
    "fxq_1", "shop", "USD", "IDR", 100_00, 1_592_000_00, Decimal(16000), 50, Decimal(15920),
    "static", 1, 2, "r1",
)  # fmt: skip
BACK = Quote(
    "fxq_2", "shop", "IDR", "USD", 1_600_000_00, 100_00, Decimal("0.0000626"), 10,
    Decimal("0.0000625"), "static", 1, 9, "r2",
)  # fmt: skip
PLAIN = Payment(
    "shop", "p1", 100_00, "USD", "alice", "bob", created_at=1, updated_at=1, risk=RISK,
    destination_currency="USD", destination_amount=100_00,
)  # fmt: skip
CROSS = replace(
    PLAIN, destination_currency="IDR", destination_amount=1_592_000_00, exchange=rate_of(QUOTE),
    quote="token",
)  # fmt: skip


def captured(payment: Payment, **changes: Any) -> Payment:
    """Return the payment as paid, all of it captured."""
    return payment.move(Status.CAPTURED, at=2, **{"captured_amount": payment.amount, **changes})


def held(payment: Payment, status: Status = Status.AUTHORIZED) -> Payment:
    """Return the payment as authorized or in review until moment 9."""
    return payment.move(status, at=2, hold_expires_at=9)


def operation(kind: str, amount: int = 0, **changes: Any) -> Operation:
    """Return an operation on the payment of these cases, with a key for a refund."""
    name = operation_id(kind, "shop:p1", "key")
    return replace(Operation(name, "shop:p1", kind, name, "f", amount, "shop/k", 1, 9), **changes)

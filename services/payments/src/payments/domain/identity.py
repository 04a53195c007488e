"""What makes a request the same request: the names of payments, operations and their transfers.

A repeated request, another replica and the sweeper all arrive at the same names, and the ledger
keeps one transfer under each: from that follows that nothing is done twice.
"""

import hashlib
import json

from payments.domain.moves import Kind, taken_from
from payments.domain.payment import Payment


def payment_id(merchant: str, key: str, request_id: str) -> str:
    """Return the id of a payment whose request names none: derived from its idempotency key.

    A request without any name is repeated only by whoever replays what the gateway sent, so the id
    that the gateway gave it is its name.
    """
    named = (merchant, key) if key else (merchant, "", request_id)
    return f"pay_{digest(*named)[:32]}"


def operation_id(kind: str, payment: Payment | str, key: str = "") -> str:
    """Return the id of an operation: one per kind and payment, one per key for refunds."""
    uid = payment if isinstance(payment, str) else payment.uid
    return f"{kind}:{uid}:{digest(key)[:32]}" if kind == Kind.REFUND else f"{kind}:{uid}"


def idempotency(merchant: str, key: str, otherwise: str) -> str:
    """Return what an operation is found by when it is asked for again, with or without a key."""
    return f"k:{merchant}:{key}" if key else otherwise


def payment_fingerprint(payment: Payment) -> str:
    """Return the digest of everything that makes two requests to pay the same."""
    return digest(
        "pay",
        payment.payment_id,
        str(payment.amount),
        payment.currency,
        payment.source_account,
        payment.destination_account,
        payment.destination_currency or "",
        payment.quote or "",
        payment.capture,
        payment.description or "",
        json.dumps(payment.metadata, sort_keys=True) if payment.metadata else "{}",
    )


def captured_by(payment: Payment) -> str:
    """Return the transfer that took the money: the payment's own, its capture or its approval."""
    return captured_from(payment.paid_as, payment.uid)


def captured_from(status: str, uid: str) -> str:
    """Return the transfer that took the money of a payment that was left in `status` before."""
    return operation_id(taken_from(status), uid)


def refund_id(operation_id: str) -> str:
    """Return the id under which callers know a refund."""
    return f"rfd_{operation_id.rpartition(':')[2]}"


def named(operation_id: str) -> dict[str, str]:
    """Return what log lines call an operation and its payment, from the id of its transfer."""
    _, merchant, own = ([*operation_id.split(":"), "", ""])[:3]
    return {"payment_id": own, "merchant": merchant, "operation_id": operation_id}


def digest(*parts: str) -> str:
    """Return the SHA-256 of the parts, in hexadecimal; no two lists of parts collide."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()

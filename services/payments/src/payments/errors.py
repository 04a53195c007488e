"""The problems of the payments API: what cannot be done, as against a payment that failed.

Problem
├── IdempotencyKeyInvalid 400      ├── PaymentIdTaken 409
├── IdempotencyKeyRequired 400     ├── OperationConflict 409
├── CursorInvalid 400              ├── KeyReused 422
├── FourEyes 403                   ├── AmountInvalid 422
├── RefundNotPermitted 403         └── OperationInProgress 409
└── PaymentNotFound 404
"""

from kurs.kernel.errors import (
    BadRequest,
    Conflict,
    FieldError,
    Forbidden,
    NotFound,
    Problem,
    Unprocessable,
)
from payments.domain.beginning import (
    Denied,
    IdTaken,
    InProgress,
    KeyUsed,
    Missing,
    MoreThanLeft,
    NotAllowed,
    TooLittle,
)


class IdempotencyKeyInvalid(BadRequest):
    """The Idempotency-Key header is not 1 to 255 printable ASCII characters."""

    code = "idempotency_key_invalid"
    title = "Idempotency-Key invalid"

    def __init__(self) -> None:
        super().__init__(
            "the Idempotency-Key is not 1 to 255 printable ASCII characters",
            errors=[FieldError("Idempotency-Key", "malformed", "use a UUID, for example")],
        )


class IdempotencyKeyRequired(BadRequest):
    """A refund came without an Idempotency-Key, or a payment without one and without an id."""

    code = "idempotency_key_required"
    title = "Idempotency-Key required"

    def __init__(self, what: str = "a refund needs an Idempotency-Key header") -> None:
        hint = "send a new unique one each time, and the same one when you repeat it"
        super().__init__(what, errors=[FieldError("Idempotency-Key", "missing", hint)])


class PaymentNotFound(NotFound):
    """There is no such payment of this merchant."""

    code = "payment_not_found"
    title = "Payment not found"

    def __init__(self) -> None:
        super().__init__("there is no payment with this id")


class FourEyes(Forbidden):
    """Who paid does not decide on the payment: it takes another key of the merchant."""

    code = "four_eyes"
    title = "Four eyes"

    def __init__(self) -> None:
        hint = "decide with another key that has the role review"
        super().__init__(
            "this key made the payment, and four eyes decide: use another key of the merchant",
            errors=[FieldError("Authorization", "the key that paid", hint)],
        )


class RefundNotPermitted(Forbidden):
    """The money went to another merchant's account; only that merchant can pay it back."""

    code = "refund_not_permitted"
    title = "Refund not permitted"


class OperationInProgress(Conflict):
    """The same request, or another operation on the payment, is being worked on."""

    code = "operation_in_progress"
    title = "In progress"

    def __init__(self) -> None:
        super().__init__(
            "this request, or another one on the same payment, is still running; repeat it",
            headers={"retry-after": "1"},
        )


class PaymentIdTaken(Conflict):
    """The payment_id was used before, under another Idempotency-Key."""

    code = "payment_id_taken"
    title = "payment_id taken"

    def __init__(self, payment_id: str) -> None:
        super().__init__(
            f"payment_id {payment_id} was used under another Idempotency-Key",
            errors=[FieldError("payment_id", "already used", "choose a new payment_id")],
        )


class OperationConflict(Conflict):
    """The payment's status does not allow the operation, or less is left than was asked for.

    `left` is what is left, with its currency.
    """

    code = "operation_not_allowed"
    title = "Not possible in this status"

    def __init__(self, kind: str, status: str, left: str | None = None) -> None:
        if left is None:
            super().__init__(f"a payment that is {status} does not allow: {kind}")
            return
        said = f"only {left} is left to {kind}"
        super().__init__(said, errors=[FieldError("amount", said, f"ask for at most {left}")])


class KeyReused(Unprocessable):
    """The Idempotency-Key was used with other content."""

    code = "idempotency_key_reused"
    title = "Idempotency-Key reused"

    def __init__(self) -> None:
        hint = "use a new key for a new request"
        super().__init__(
            "this Idempotency-Key (or payment_id) was used before with other content",
            errors=[FieldError("Idempotency-Key", "used with other content", hint)],
        )


class AmountInvalid(Unprocessable):
    """An amount cannot be paid; its code says why."""

    def __init__(self, field: str, code: str, message: str, hint: str) -> None:
        super().__init__(f"{field}: {message}", errors=[FieldError(field, message, hint)])
        self.code = code  # type: ignore[misc]


def problem_of(denied: Denied) -> Problem:
    """Return the problem of an operation that may not begin."""
    match denied:
        case InProgress():
            return OperationInProgress()
        case KeyUsed():
            return KeyReused()
        case IdTaken(payment_id=payment_id):
            return PaymentIdTaken(payment_id)
        case Missing():
            return PaymentNotFound()
        case NotAllowed(kind=kind, status=status):
            return OperationConflict(kind, status)
        case MoreThanLeft(kind=kind, left=left):
            return OperationConflict(kind, "", left=str(left))
        case TooLittle(failure=failure):
            hint = "capture more, or void the payment"
            return AmountInvalid("amount", failure.code, failure.message, hint)

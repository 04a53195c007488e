"""A transfer carries its outcome in its context, and whoever finds it in the ledger reads it again.

Both directions are here, so that what one process writes another one can adopt. A context comes
back from a database that others can write to: it is read as strictly as a body.
"""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import asdict, replace

from kurs.contracts.wallet import StoredTransfer
from payments.domain.applied_rate import rate_values, read_rate
from payments.domain.failure import Failure, FailureCode, read_failure
from payments.domain.ledger import Unreadable
from payments.domain.moves import Status
from payments.domain.payment import Payment
from payments.domain.refunds import Rate, Refund, at_payments_rate

_STATUSES = {
    "post": frozenset({Status.CAPTURED}),
    "hold": frozenset({Status.AUTHORIZED, Status.REVIEW}),
}
_CANCELLED = Failure(FailureCode.REFUSED, "cancelled in the ledger; nothing has moved")


def outcome_context(moved: Payment) -> dict[str, Any]:
    """Return what another process needs to adopt the transfer that `moved` was made by."""
    return {
        "status": str(moved.status),
        "risk": moved.risk,
        "exchange": None if moved.exchange is None else rate_values(moved.exchange),
        "destination_currency": moved.destination_currency,
        "destination_amount": moved.destination_amount,
        "captured_amount": moved.captured_amount,
        "hold_expires_at": moved.hold_expires_at,
        # Between which accounts it went; a name that is resolved anew may be another account's.
        "payer": moved.payer,
        "payee": moved.payee,
        # What a later capture is made by; a post has been made by it already.
        "quote": None if moved.status == Status.CAPTURED else moved.quote,
    }


def failure_context(payment: Payment, failure: Failure) -> dict[str, Any]:
    """Return what another process needs to adopt the burning of the payment's id."""
    return {"risk": payment.risk, "failure": asdict(failure)}


def adopted(payment: Payment, stored: StoredTransfer, *, at: int) -> Payment:
    """Return the payment as the applied transfer `stored` left it.

    An id that was cancelled is a payment that failed, whatever its context says: nothing can ever
    move under it. Raises Unreadable where money moved and the context does not say the rest.
    """
    context = stored.get("context") or {}
    if stored["kind"] == "cancel":
        return _cancelled(payment, context, at)
    try:
        status = Status(context["status"])
        if status not in _STATUSES[stored["kind"]]:
            raise Unreadable(f"a {stored['kind']} is no payment that is {status}")
        exchange = context["exchange"]
        return replace(payment, risk=context["risk"]).move(
            status,
            at=at,
            exchange=None if exchange is None else read_rate(exchange),
            destination_currency=_text(context["destination_currency"]),
            destination_amount=_number(context["destination_amount"]),
            captured_amount=_number(context["captured_amount"]),
            hold_expires_at=_moment(context["hold_expires_at"]),
            quote=context.get("quote") or payment.quote,
            # Releases before did not say the parties.
            payer=_name(context.get("payer", payment.payer)),
            payee=_name(context.get("payee", payment.payee)),
        )
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise Unreadable(f"what is stored does not tell the outcome: {error!r}") from error


def refund_context(refund: Refund) -> dict[str, Any]:
    """Return what another process needs to adopt the transfer of a refund."""
    return {
        "given": refund.given,
        "rate": refund.rate,
        "exchange": None if refund.exchange is None else rate_values(refund.exchange),
    }


def adopted_refund(payment: Payment, amount: int, stored: StoredTransfer) -> Refund:
    """Return the refund of `amount` (minor units) that is stored in the ledger.

    Raises Unreadable where what is stored is no refund, or does not say which.
    """
    if stored["kind"] != "post":
        raise Unreadable(f"a {stored['kind']} is no refund")
    context = stored.get("context")
    if context is None:
        # Releases without such a context knew one rate.
        return at_payments_rate(payment, amount, returns_spread=True)
    try:
        rate, exchange = context["rate"], context["exchange"]
        return Refund(
            _number(context["given"]),
            None if rate is None else Rate(rate),
            None if exchange is None else read_rate(exchange),
        )
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise Unreadable(f"what is stored does not tell the refund: {error!r}") from error


def _cancelled(payment: Payment, context: Mapping[str, Any], at: int) -> Payment:
    try:
        failure = read_failure(context["failure"])
        payment = replace(payment, risk=context["risk"])
    except (KeyError, TypeError):
        failure = _CANCELLED
    return payment.fail(failure, at=at)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _name(value: Any) -> str | None:
    return None if value is None else _text(value)


def _number(value: Any) -> int:
    if not isinstance(value, int):
        raise TypeError("no number")
    return value


def _moment(value: Any) -> int | None:
    return None if value is None else _number(value)

"""What an operation asks of risk and fx before money moves, and what their answers mean for it."""

from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple

from msgspec.structs import replace

from kurs.calls import Deadline
from kurs.contracts.fx import QUOTED, QuoteItem, QuoteResult
from kurs.contracts.risk import (
    JUDGED,
    SCORED,
    Decision,
    ExposureItem,
    ExposureResult,
    OpenAmount,
    ScoreItem,
    ScoreResult,
)
from kurs.kernel.accounts import qualified, shown
from kurs.kernel.money import format_amount
from kurs.quotes.token import InvalidToken, Quote, read_token
from kurs.telemetry import Trace
from payments.accounts import Account, Named
from payments.clients import Unanswered, Unusable
from payments.domain.beginning import Started
from payments.domain.failure import Failure, FailureCode, Refusal, refusal_of
from payments.domain.payment import Payment
from payments.domain.quotes import exchanged

_DECISIONS = frozenset(Decision)
_EXPOSURE = "exposure"
Held = Mapping[str, list[OpenAmount] | Unanswered]
"""What each merchant holds open across currencies, or why nobody knows."""


class Declined(NamedTuple):
    """A payment that may not go on, with what is known of it, and why."""

    payment: Payment
    failure: Failure


class Drive(NamedTuple):
    """An operation that is driven to its outcome, by when, and the trace that it is of."""

    started: Started
    deadline: Deadline
    trace: Trace


class Need(Enum):
    """What has to be known of an operation before money moves."""

    NOTHING = "nothing"
    ACCOUNTS = "accounts"
    RISK = "risk"
    PRICE = "price"
    EXPOSURE = "exposure"
    REFUND = "refund"


class Priced(NamedTuple):
    """A quote, and the token that it was read from."""

    quote: Quote
    token: str


class Case(NamedTuple):
    """A payment between parties that are known, and the currency that arrives."""

    drive: Drive
    payer: Account
    payee: Account
    currency: str

    @property
    def payment(self) -> Payment:
        """What is to be paid."""
        return self.drive.started.payment

    @property
    def need(self) -> Need:
        """What has to be asked, now that the parties are known."""
        if self.currency == self.payment.currency:
            return Need.RISK
        if self.payment.capture == "manual":
            return Need.EXPOSURE
        return Need.RISK if self.payment.quote is not None else Need.PRICE


def names_of(payment: Payment) -> tuple[Named, Named]:
    """Return the payer and the payee as a payment names them."""
    payer, payee = payment.parties
    return Named(payment.merchant, payer), Named(payment.merchant, payee)


def arriving_currency(payment: Payment, payee: Account) -> str:
    """Return what a payment arrives in."""
    return payment.destination_currency or payee.settlement_currency or payment.currency


def case_of(
    drive: Drive, payer: Account | Unanswered | None, payee: Account | Unanswered | None
) -> Case | Declined:
    """Return a payment between its parties, or why there is none; raises Unanswered."""
    payment = drive.started.payment
    names = names_of(payment)
    if names[0] == names[1]:
        return _same_account(payment)
    for found in (payer, payee):
        if isinstance(found, Unanswered):
            raise found
    assert not isinstance(payer, Unanswered)
    assert not isinstance(payee, Unanswered)
    if payer is None or payer.merchant != payment.merchant:
        return _not_open(payment, "source_account", payment.source_account)
    if payee is None:
        return _not_open(payment, "destination_account", payment.destination_account)
    if payer.name == payee.name:
        return _same_account(payment)
    return Case(drive, payer, payee, arriving_currency(payment, payee))


def score_item(case: Case, held: Held) -> ScoreItem:
    """Ask risk for its decision; `held` is what merchants hold open across currencies.

    Raises Unanswered when nobody knows what this one does.
    """
    payment = case.payment
    item: ScoreItem = {
        "payment_id": payment.uid,
        "merchant": payment.merchant,
        "amount": _major(payment),
        "currency": payment.currency,
        "destination_currency": case.currency,
        # One's own account is counted for under one name, however it was written.
        "source_account": shown(payment.merchant, case.payer.name),
        "destination_account": payment.destination_account,
        "source_opened_at": case.payer.opened_at,
    }
    if qualified(payment.merchant, payment.destination_account) != case.payee.name:
        item["payee"] = case.payee.name
    if case.need is Need.EXPOSURE:
        item["exposure"] = _held_by(payment.merchant, held)
    return item


def quote_item(case: Case) -> QuoteItem:
    """Ask fx what arrives."""
    payment = case.payment
    return {
        "merchant": payment.merchant,
        "source_currency": payment.currency,
        "destination_currency": case.currency,
        "source_amount": _major(payment),
    }


def back_item(drive: Drive) -> QuoteItem:
    """Ask what it costs now to give the operation's amount back."""
    payment = drive.started.payment
    return {
        "merchant": payment.merchant,
        "source_currency": payment.destination_currency or payment.currency,
        "destination_currency": payment.currency,
        "destination_amount": format_amount(drive.started.operation.amount, payment.currency),
    }


def exposure_item(payment: Payment, held: Held) -> ExposureItem:
    """Ask risk whether a refund may go at the payment's rate, as far as limits go.

    Raises Unanswered when nobody knows what its merchant holds open.
    """
    return {
        "merchant": payment.merchant,
        "currency": payment.currency,
        "destination_currency": payment.destination_currency,
        "exposure": _held_by(payment.merchant, held),
    }


def read_price(result: QuoteResult | Exception) -> Priced:
    """Return the price of an answer; raises Refusal when fx gives none, and Unanswered."""
    if isinstance(result, Exception):
        raise result
    if result["status"] != QUOTED:
        raise refusal_of(result.get("code"), result.get("message"))
    try:
        return Priced(read_token(result["quote"]), result["quote"])
    except InvalidToken as error:
        # fx of another release.
        raise Unanswered("fx", str(error)) from error


def read_within(result: ExposureResult | Exception) -> bool:
    """Return whether limits allow it; raises Unanswered."""
    if isinstance(result, Exception):
        raise result
    if result["status"] != JUDGED:
        raise Unusable("risk", f"answered {result['status']!r}")
    return bool(result["within"])


def judged(
    case: Case, risk: ScoreResult | Exception, price: Priced | Exception | None
) -> Payment | Declined:
    """Return the payment with risk and rate, or why it may not go on; raises Unanswered."""
    payment = case.payment
    try:
        decision = _read_decision(risk)
    except Refusal as refusal:
        return Declined(payment, refusal.failure)
    if isinstance(price, Exception) and not isinstance(price, Refusal):
        raise price
    payment = replace(
        payment,
        destination_currency=case.currency,
        risk=decision,
        payer=case.payer.name,
        payee=case.payee.name,
    )
    try:
        _check_decision(decision)
        if isinstance(price, Refusal):
            raise price
        if price is None:
            return replace(payment, destination_amount=payment.amount)
        return exchanged(payment, *price)
    except Refusal as refusal:
        return Declined(payment, refusal.failure)


def _read_decision(result: ScoreResult | Exception) -> dict[str, Any]:
    """Return what risk decided; raises Refusal, Unanswered."""
    if isinstance(result, Exception):
        raise result
    if result["status"] != SCORED:
        raise refusal_of(result.get("code"), result.get("message"))
    if result["decision"] not in _DECISIONS:
        raise Unusable("risk", f"decided {result['decision']!r}")
    return {
        "decision": result["decision"],
        "score": result["score"],
        "reasons": result["reasons"],
        "config_revision": result["config_revision"],
    }


def _check_decision(risk: Mapping[str, Any]) -> None:
    """Raise Refusal when risk declined."""
    if risk["decision"] != Decision.DECLINE:
        return
    if any(reason["rule"] == _EXPOSURE for reason in risk["reasons"]):
        message = "more would be held open across currencies than is allowed at once"
        raise Refusal(FailureCode.EXPOSURE_EXCEEDED, message)
    reasons = ", ".join(reason["message"] for reason in risk["reasons"])
    raise Refusal(FailureCode.RISK_DECLINED, reasons or "declined by risk")


def _held_by(merchant: str, held: Held) -> list[OpenAmount]:
    found = held[merchant]
    if isinstance(found, Unanswered):
        raise found
    return found


def _major(payment: Payment) -> str:
    return format_amount(payment.amount, payment.currency)


def _same_account(payment: Payment) -> Declined:
    failure = Failure(FailureCode.SAME_ACCOUNT, "source and destination are the same account")
    return Declined(payment, failure)


def _not_open(payment: Payment, field: str, name: str) -> Declined:
    failure = Failure(FailureCode.ACCOUNT_NOT_FOUND, f"{field} {name} is not open")
    return Declined(payment, failure)

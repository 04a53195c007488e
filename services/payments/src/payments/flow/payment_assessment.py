"""What is asked about payments before their money moves: the parties, risk's decision, the price.

Of many at once: what a service is asked about all of them goes as one request.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace

from kurs.contracts.fx import QuoteItem, QuoteResult
from kurs.contracts.risk import SCORED, Decision, ScoreItem, ScoreResult
from kurs.kernel.accounts import qualified, shown
from kurs.kernel.batching import alone
from kurs.kernel.money import format_amount
from kurs.quotes.token import QuoteVerifier
from payments.accounts import Account, AccountDirectory, Named
from payments.clients import BatchClient, Unanswered, Unusable
from payments.domain.failure import Failure, FailureCode, Refusal, refusal_of
from payments.domain.payment import Payment
from payments.domain.quotes import accept_quote, exchanged
from payments.flow.exposure import ExposureReader, Held, held_by
from payments.flow.orders import Drive, Need
from payments.flow.prices import Priced, ask_prices, quote_item

_DECISIONS = frozenset(Decision)
_EXPOSURE = "exposure"


class Declined(NamedTuple):
    """A payment that may not go on, with what is known of it, and why."""

    payment: Payment
    failure: Failure


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


class PaymentAssessor:
    """Asks the wallet for the parties, and risk and fx at the same time."""

    def __init__(
        self,
        *,
        accounts: AccountDirectory,
        risk: BatchClient[ScoreItem, ScoreResult],
        fx: BatchClient[QuoteItem, QuoteResult],
        quotes: QuoteVerifier,
        exposure: ExposureReader,
    ) -> None:
        self._accounts = accounts
        self._risk = risk
        self._fx = fx
        self._quotes = quotes
        self._exposure = exposure

    def need(self, drive: Drive) -> Need:
        """Return what has to be asked about a payment."""
        payment = drive.started.payment
        payer, payee = map(self._accounts.known, _names_of(payment))
        if payer is None or payee is None:
            return Need.ACCOUNTS
        return Case(drive, payer, payee, _arriving_currency(payment, payee)).need

    async def assess(self, drives: Sequence[Drive]) -> list[Payment | Declined | Exception]:
        """Return payments with risk and rate, or why they may not go on.

        In place of what cannot be known yet is the exception that says why.
        """
        names = [named for drive in drives for named in _names_of(drive.started.payment)]
        found = await self._accounts.find(names, max(d.deadline for d in drives))
        cases = [alone(_case, *each) for each in zip(drives, found[::2], found[1::2], strict=True)]
        asked = [case for case in cases if isinstance(case, Case)]
        risks, prices = await asyncio.gather(self._score(asked), self._price(asked))
        ends = map(alone, [_assessed] * len(asked), asked, risks, prices)
        return [next(ends) if isinstance(case, Case) else case for case in cases]

    async def _score(self, cases: Sequence[Case]) -> list[ScoreResult | Exception]:
        merchants = {c.payment.merchant for c in cases if c.need is Need.EXPOSURE}
        held = await self._exposure.held(merchants)
        items = [alone(_score_item, case, held) for case in cases]
        return await self._risk.ask(items, [case.drive for case in cases])

    async def _price(self, cases: Sequence[Case]) -> list[Priced | Exception | None]:
        prices: list[Priced | Exception | None] = [alone(self._own_price, case) for case in cases]
        asked = {
            i: case
            for i, case in enumerate(cases)
            if prices[i] is None and case.currency != case.payment.currency
        }
        items = [alone(quote_item, case.payment, case.currency) for case in asked.values()]
        answers = await ask_prices(self._fx, items, [case.drive for case in asked.values()])
        for i, price in zip(asked, answers, strict=True):
            prices[i] = price
        return prices

    def _own_price(self, case: Case) -> Priced | None:
        """Return the quote that a payment brings; raises Refusal."""
        payment = case.payment
        if payment.quote is None:
            return None
        return Priced(accept_quote(payment, case.currency, self._quotes), payment.quote)


def _names_of(payment: Payment) -> tuple[Named, Named]:
    """Return the payer and the payee as a payment names them."""
    payer, payee = payment.parties
    return Named(payment.merchant, payer), Named(payment.merchant, payee)


def _arriving_currency(payment: Payment, payee: Account) -> str:
    return payment.destination_currency or payee.settlement_currency or payment.currency


def _case(
    drive: Drive, payer: Account | Unanswered | None, payee: Account | Unanswered | None
) -> Case | Declined:
    """Return a payment between its parties, or why there is none; raises Unanswered."""
    payment = drive.started.payment
    names = _names_of(payment)
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
    return Case(drive, payer, payee, _arriving_currency(payment, payee))


def _same_account(payment: Payment) -> Declined:
    failure = Failure(FailureCode.SAME_ACCOUNT, "source and destination are the same account")
    return Declined(payment, failure)


def _not_open(payment: Payment, field: str, name: str) -> Declined:
    failure = Failure(FailureCode.ACCOUNT_NOT_FOUND, f"{field} {name} is not open")
    return Declined(payment, failure)


def _score_item(case: Case, held: Held) -> ScoreItem:
    """Ask risk for its decision; `held` is what merchants hold open across currencies.

    Raises Unanswered when nobody knows what this one does.
    """
    payment = case.payment
    item: ScoreItem = {
        "payment_id": payment.uid,
        "merchant": payment.merchant,
        "amount": format_amount(payment.amount, payment.currency),
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
        item["exposure"] = held_by(payment.merchant, held)
    return item


def _assessed(
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

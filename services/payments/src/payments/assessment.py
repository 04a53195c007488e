"""What is asked before money moves: are the accounts open, what says risk, what is the rate?"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

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
from kurs.contracts.wallet import TransferItem, TransferResult
from kurs.kernel.accounts import qualified, shown
from kurs.kernel.money import format_amount
from kurs.quotes.token import InvalidToken, Quote, QuoteVerifier, read_token
from payments.accounts import Account, AccountDirectory, Named
from payments.clients import BatchClient, Unanswered, Unusable
from payments.domain.failure import Failure, FailureCode, Refusal, refusal_of
from payments.domain.payment import Payment
from payments.domain.quotes import accept_quote, exchanged

_DECISIONS = frozenset(Decision)


@dataclass(frozen=True, slots=True)
class Dependencies:
    """The services that a payment goes through."""

    accounts: AccountDirectory
    risk: BatchClient[ScoreItem, ScoreResult]
    limits: BatchClient[ExposureItem, ExposureResult]
    fx: BatchClient[QuoteItem, QuoteResult]
    wallet: BatchClient[TransferItem, TransferResult]


ExposureOf = Callable[[str], Awaitable[Mapping[str, int]]]
"""Asks what a merchant holds open across currencies, what it asks for now included."""
_EXPOSURE = "exposure"


class Declined(NamedTuple):
    """A payment that may not go on, with what is known of it, and why."""

    payment: Payment
    failure: Failure


class Priced(NamedTuple):
    """A quote, and the token that it was read from."""

    quote: Quote
    token: str


class _Parties(NamedTuple):
    payer: Account
    payee: Account


class Assessor:
    """Asks the wallet for the parties, and risk and fx at the same time."""

    def __init__(self, services: Dependencies, quotes: QuoteVerifier, exposure: ExposureOf) -> None:
        self._services = services
        self._quotes = quotes
        self._exposure = exposure

    async def assess(self, payment: Payment, deadline: Deadline) -> Payment | Declined:
        """Return the payment with risk and rate, or why it may not go on; raises Unanswered."""
        try:
            parties = await self._parties(payment, deadline)
            settles = parties.payee.settlement_currency
            currency = payment.destination_currency or settles or payment.currency
            risk, quote = await self._judge(payment, parties, currency, deadline)
        except Refusal as refusal:
            return Declined(payment, refusal.failure)
        payment = replace(
            payment,
            destination_currency=currency,
            risk=risk,
            payer=parties.payer.name,
            payee=parties.payee.name,
        )
        try:
            _check_decision(risk)
            if isinstance(quote, Refusal):
                raise quote
            if quote is None:
                return replace(payment, destination_amount=payment.amount)
            return exchanged(payment, *quote)
        except Refusal as refusal:
            return Declined(payment, refusal.failure)

    async def _parties(self, payment: Payment, deadline: Deadline) -> _Parties:
        names = [Named(payment.merchant, account) for account in payment.parties]
        if names[0] == names[1]:
            raise _same_account()
        source, destination = [await self._services.accounts.find(n, deadline) for n in names]
        if source is None or source.merchant != payment.merchant:
            name = payment.source_account
            raise Refusal(FailureCode.ACCOUNT_NOT_FOUND, f"source_account {name} is not open")
        if destination is None:
            name = payment.destination_account
            raise Refusal(FailureCode.ACCOUNT_NOT_FOUND, f"destination_account {name} is not open")
        if source.name == destination.name:
            raise _same_account()
        return _Parties(source, destination)

    async def _judge(
        self, payment: Payment, parties: _Parties, currency: str, deadline: Deadline
    ) -> tuple[dict[str, Any], Priced | Refusal | None]:
        if currency == payment.currency and payment.quote is None:
            return await self._score(payment, parties, currency, deadline), None
        # Both answers are awaited even if one fails, so that no task is left behind.
        risk, quote = await asyncio.gather(
            self._score(payment, parties, currency, deadline),
            self._price(payment, currency, deadline),
            return_exceptions=True,
        )
        if isinstance(risk, BaseException):
            raise risk
        if isinstance(quote, BaseException) and not isinstance(quote, Refusal):
            raise quote
        return risk, quote

    async def _score(
        self, payment: Payment, parties: _Parties, currency: str, deadline: Deadline
    ) -> dict[str, Any]:
        item: ScoreItem = {
            "payment_id": payment.uid,
            "merchant": payment.merchant,
            "amount": _major(payment),
            "currency": payment.currency,
            "destination_currency": currency,
            # One's own account is counted for under one name, however it was written.
            "source_account": shown(payment.merchant, parties.payer.name),
            "destination_account": payment.destination_account,
            "source_opened_at": parties.payer.opened_at,
        }
        if qualified(payment.merchant, payment.destination_account) != parties.payee.name:
            item["payee"] = parties.payee.name
        if payment.capture == "manual" and currency != payment.currency:
            item["exposure"] = await self._open(payment.merchant)
        result = await self._services.risk.call(item, deadline)
        if result["status"] != SCORED:
            raise refusal_of(result.get("code"), result.get("message"))
        if result["decision"] not in _DECISIONS:
            raise Unusable("risk", f"decided {result['decision']!r}")
        return {key: result[key] for key in ("decision", "score", "reasons", "config_revision")}

    async def _price(self, payment: Payment, currency: str, deadline: Deadline) -> Priced:
        if payment.quote is not None:
            return Priced(accept_quote(payment, currency, self._quotes), payment.quote)
        item: QuoteItem = {
            "merchant": payment.merchant,
            "source_currency": payment.currency,
            "destination_currency": currency,
            "source_amount": _major(payment),
        }
        return await self._ask_price(item, deadline)

    async def may_give_back(self, payment: Payment, deadline: Deadline) -> bool:
        """Tell whether a refund may go at the payment's rate, as far as its merchant's limit goes.

        The refund is stored, and so part of what is open. Raises Unanswered.
        """
        if payment.exchange is None:
            return True
        item: ExposureItem = {
            "merchant": payment.merchant,
            "currency": payment.currency,
            "destination_currency": payment.destination_currency,
            "exposure": await self._open(payment.merchant),
        }
        result = await self._services.limits.call(item, deadline)
        if result["status"] != JUDGED:
            raise Unusable("risk", f"answered {result['status']!r}")
        return bool(result["within"])

    async def _open(self, merchant: str) -> list[OpenAmount]:
        return [
            {"currency": held, "amount_minor": amount}
            for held, amount in (await self._exposure(merchant)).items()
        ]

    async def price_back(self, payment: Payment, amount: int, deadline: Deadline) -> Priced:
        """Return what it costs now to give `amount` (minor units of the source) back.

        Raises Refusal when fx gives no price, and Unanswered.
        """
        item: QuoteItem = {
            "merchant": payment.merchant,
            "source_currency": payment.destination_currency or payment.currency,
            "destination_currency": payment.currency,
            "destination_amount": format_amount(amount, payment.currency),
        }
        return await self._ask_price(item, deadline)

    async def _ask_price(self, item: QuoteItem, deadline: Deadline) -> Priced:
        result = await self._services.fx.call(item, deadline)
        if result["status"] != QUOTED:
            raise refusal_of(result.get("code"), result.get("message"))
        try:
            return Priced(read_token(result["quote"]), result["quote"])
        except InvalidToken as error:
            # fx of another release.
            raise Unanswered("fx", str(error)) from error


def _check_decision(risk: Mapping[str, Any]) -> None:
    """Raise Refusal when risk declined."""
    if risk["decision"] != Decision.DECLINE:
        return
    if any(reason["rule"] == _EXPOSURE for reason in risk["reasons"]):
        message = "more would be held open across currencies than is allowed at once"
        raise Refusal(FailureCode.EXPOSURE_EXCEEDED, message)
    reasons = ", ".join(reason["message"] for reason in risk["reasons"])
    raise Refusal(FailureCode.RISK_DECLINED, reasons or "declined by risk")


def _major(payment: Payment) -> str:
    return format_amount(payment.amount, payment.currency)


def _same_account() -> Refusal:
    return Refusal(FailureCode.SAME_ACCOUNT, "source and destination are the same account")

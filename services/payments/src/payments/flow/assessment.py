"""What is asked before money moves: are the accounts open, what says risk, what is the rate?

Of many operations at once: what a service is asked for all of them goes as one request.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence

from msgspec import Struct

from kurs.contracts.fx import QuoteItem, QuoteResult
from kurs.contracts.risk import ExposureItem, ExposureResult, OpenAmount, ScoreItem, ScoreResult
from kurs.contracts.wallet import TransferItem, TransferResult
from kurs.kernel.batching import alone
from kurs.kernel.clock import MICROS
from kurs.kernel.errors import Problem
from kurs.quotes.token import QuoteVerifier
from payments.accounts import AccountDirectory
from payments.clients import OWN_DATABASE, BatchClient, Item, Question, Result, Unanswered
from payments.domain.moves import Kind
from payments.domain.payment import Payment
from payments.domain.quotes import accept_quote
from payments.domain.refunds import is_late
from payments.flow.questions import (
    Case,
    Declined,
    Drive,
    Held,
    Need,
    Priced,
    arriving_currency,
    back_item,
    case_of,
    exposure_item,
    judged,
    names_of,
    quote_item,
    read_price,
    read_within,
    score_item,
)
from payments.settings import PaymentsSettings


class Dependencies(Struct, frozen=True):
    """The services that a payment goes through."""

    accounts: AccountDirectory
    risk: BatchClient[ScoreItem, ScoreResult]
    limits: BatchClient[ExposureItem, ExposureResult]
    fx: BatchClient[QuoteItem, QuoteResult]
    wallet: BatchClient[TransferItem, TransferResult]


ExposureOf = Callable[[str], Awaitable[Mapping[str, int]]]
"""Asks what a merchant holds open across currencies, what it asks for now included."""
Assessed = Payment | Declined | Priced | None
"""A payment that may go on, or why it may not; the present price of a refund. None: as it is."""


class Assessor:
    """Asks the wallet for the parties, and risk and fx at the same time."""

    def __init__(
        self,
        services: Dependencies,
        quotes: QuoteVerifier,
        exposure: ExposureOf,
        settings: PaymentsSettings,
    ) -> None:
        self._services = services
        self._quotes = quotes
        self._exposure = exposure
        self._refund_window = round(settings.refund_rate_window_seconds * MICROS)

    def need(self, drive: Drive) -> Need:
        """Return what has to be asked for a drive."""
        payment, kind = drive.started.payment, drive.started.operation.kind
        if kind == Kind.REFUND and payment.exchange is not None:
            return Need.REFUND
        if kind != Kind.PAY:
            return Need.NOTHING
        payer, payee = map(self._services.accounts.known, names_of(payment))
        if payer is None or payee is None:
            return Need.ACCOUNTS
        return Case(drive, payer, payee, arriving_currency(payment, payee)).need

    async def assess(self, need: Need, drives: Sequence[Drive]) -> list[Assessed | Exception]:
        """Return what is to be known of drives that have one need.

        In place of what cannot be known yet is the exception that says why.
        """
        if need is Need.NOTHING:
            return [None] * len(drives)
        if need is Need.REFUND:
            return await self._price_refunds(drives)
        cases = await self._cases(drives)
        asked = [case for case in cases if isinstance(case, Case)]
        risks, prices = await asyncio.gather(self._score(asked), self._price(asked))
        ends = map(alone, [judged] * len(asked), asked, risks, prices)
        return [next(ends) if isinstance(case, Case) else case for case in cases]

    async def _cases(self, drives: Sequence[Drive]) -> list[Case | Declined | Exception]:
        names = [named for drive in drives for named in names_of(drive.started.payment)]
        found = await self._services.accounts.find(names, max(d.deadline for d in drives))
        return [alone(case_of, *each) for each in zip(drives, found[::2], found[1::2], strict=True)]

    async def _score(self, cases: Sequence[Case]) -> list[ScoreResult | Exception]:
        held = await self._open({c.payment.merchant for c in cases if c.need is Need.EXPOSURE})
        items = [alone(score_item, case, held) for case in cases]
        return await _ask(self._services.risk, items, [case.drive for case in cases])

    async def _open(self, merchants: Collection[str]) -> Held:
        """Return what each merchant holds open, or why nobody knows."""
        held: dict[str, list[OpenAmount] | Unanswered] = {}
        for merchant in sorted(merchants):
            try:
                amounts = await self._exposure(merchant)
            except Problem as problem:
                held[merchant] = Unanswered(OWN_DATABASE, problem.detail)
            else:
                held[merchant] = [
                    {"currency": currency, "amount_minor": amount}
                    for currency, amount in amounts.items()
                ]
        return held

    async def _price(self, cases: Sequence[Case]) -> list[Priced | Exception | None]:
        prices: list[Priced | Exception | None] = [alone(self._own_price, case) for case in cases]
        asked = {
            i: case
            for i, case in enumerate(cases)
            if prices[i] is None and case.currency != case.payment.currency
        }
        items = [alone(quote_item, case) for case in asked.values()]
        answers = await self._ask_prices(items, [case.drive for case in asked.values()])
        for i, price in zip(asked, answers, strict=True):
            prices[i] = price
        return prices

    def _own_price(self, case: Case) -> Priced | None:
        """Return the quote that a payment brings; raises Refusal."""
        payment = case.payment
        if payment.quote is None:
            return None
        return Priced(accept_quote(payment, case.currency, self._quotes), payment.quote)

    async def _price_refunds(self, drives: Sequence[Drive]) -> list[Assessed | Exception]:
        """Ask for the present price where the payment's own may not be given any more."""
        may = await self._may_give_back(drives)
        present = [d for d, own in zip(drives, may, strict=True) if own is False]
        items = [alone(back_item, drive) for drive in present]
        prices = iter(await self._ask_prices(items, present))
        return [_refund_price(own, prices) for own in may]

    async def _may_give_back(self, drives: Sequence[Drive]) -> list[bool | Exception]:
        """Tell whether refunds may go at their payments' rates: by time, and by limits.

        The refunds are stored, and so part of what is open.
        """
        young = [drive for drive in drives if not self._is_late(drive)]
        held = await self._open({drive.started.payment.merchant for drive in young})
        items = [alone(exposure_item, drive.started.payment, held) for drive in young]
        answers = await _ask(self._services.limits, items, young)
        within = map(alone, [read_within] * len(answers), answers)
        return [False if self._is_late(drive) else next(within) for drive in drives]

    def _is_late(self, drive: Drive) -> bool:
        payment, operation = drive.started.payment, drive.started.operation
        return is_late(payment, operation.created_at, self._refund_window)

    async def _ask_prices(
        self, items: Sequence[QuoteItem | Exception], drives: Sequence[Drive]
    ) -> list[Priced | Exception]:
        answers = await _ask(self._services.fx, items, drives)
        return [alone(read_price, answer) for answer in answers]


async def _ask(
    client: BatchClient[Item, Result],
    items: Sequence[Item | Exception],
    drives: Sequence[Drive],
) -> list[Result | Exception]:
    """Ask about what there is an item for; why there is none is the answer of the others."""
    asked = [
        Question(item, drive.deadline, drive.trace)
        for item, drive in zip(items, drives, strict=True)
        if not isinstance(item, Exception)
    ]
    answers = iter(await client.ask(asked))
    return [item if isinstance(item, Exception) else next(answers) for item in items]


def _refund_price(
    own: bool | Exception, present: Iterator[Priced | Exception]
) -> Assessed | Exception:
    if isinstance(own, Exception):
        return own
    return None if own else next(present)

"""The use cases of payments: what a request becomes, and who may ask for it."""

import asyncio
from collections.abc import Sequence

from kurs.calls import Deadline, current_deadline
from kurs.data.database import Database
from kurs.kernel.batching import Outcome, alone, settled
from kurs.kernel.caller import Caller
from kurs.kernel.clock import MICROS, Clock
from kurs.kernel.errors import Overloaded, Problem, Unavailable
from kurs.telemetry import Telemetry, Trace, inject
from kurs.telemetry.audit_log import audit
from payments.accounts import Account, AccountDirectory, Named
from payments.clients import Unanswered
from payments.domain import identity
from payments.domain.beginning import Started
from payments.domain.moves import Kind
from payments.domain.operation import Operation
from payments.domain.payment import Payment
from payments.errors import (
    FourEyes,
    IdempotencyKeyRequired,
    PaymentNotFound,
    RefundNotPermitted,
)
from payments.flow import Flow
from payments.orders import Asked, claim, minor_units, parties_of
from payments.questions import Drive
from payments.records import Order, Reply
from payments.settings import PaymentsSettings
from payments.store import reads
from payments.store.ops import Begin

Result = Reply | Exception
"""An answer, or why there is none."""
_AUDITED = {200: "done", 202: "open", 400: "failed"}


class PaymentService:
    """Takes requests to an answer; every answer is given after the commit that holds it."""

    def __init__(
        self,
        *,
        database: Database,
        flow: Flow,
        accounts: AccountDirectory,
        settings: PaymentsSettings,
        telemetry: Telemetry,
        clock: Clock,
    ) -> None:
        self._database = database
        self._flow = flow
        self._accounts = accounts
        self._settings = settings
        self._log = telemetry.logger
        self._clock = clock

    async def pay(self, asked: Sequence[Asked]) -> list[Outcome[Reply]]:
        """Make payments once, however often they are asked for; return their answers, in order.

        In place of one is the Problem that says why there is none, and a future where it comes
        later than the others.
        """
        found = [alone(self._order, each) for each in asked]
        # Accounts are looked up at once, and not only when the others have been paid.
        orders = [
            order or asyncio.ensure_future(self._pay_strangers(each))
            for each, order in zip(asked, found, strict=True)
        ]
        known = [order for order in orders if isinstance(order, Order)]
        replies = iter(await self._carry_out_known(known))
        return [next(replies) if isinstance(order, Order) else order for order in orders]

    async def _carry_out_known(self, orders: Sequence[Order]) -> Sequence[Outcome[Reply]]:
        try:
            return await self._flow.carry_out(orders) if orders else ()
        except Overloaded as error:
            # Others that were asked for with them are under way.
            return [error] * len(orders)

    def _order(self, asked: Asked) -> Order | None:
        """Return what is to be done; None where accounts are to be looked up first.

        Raises AmountInvalid, and IdempotencyKeyRequired for a request that has no name.
        """
        if not asked.key and asked.request.payment_id is None:
            # Sent again for want of an answer it would be a second payment.
            raise IdempotencyKeyRequired(
                "a payment needs an Idempotency-Key header, or a payment_id"
            )
        minor_units(asked.request.amount, asked.request.currency)
        payer, payee = map(self._accounts.known, parties_of(asked))
        if payer is None or payee is None:
            return None
        return self._order_between(asked, (payer.name, payee.name))

    def _order_between(self, asked: Asked, parties: Sequence[str | None]) -> Order:
        # What it is between is so from its beginning, whatever these names come to mean.
        made = claim(asked, parties, now=self._clock.now(), lease_until=self._lease())
        return Order(made, made.payment.payment_id, asked.deadline, asked.trace)

    async def _pay_strangers(self, asked: Asked) -> Reply:
        parties = await self._accounts.prepare(parties_of(asked), asked.deadline)
        return await self._carry_out(self._order_between(asked, parties))

    async def act(
        self, kind: Kind, caller: Caller, payment_id: str, *, amount: int = 0, key: str = ""
    ) -> Reply:
        """Capture, void, refund, approve or refuse a payment; an amount of 0 means all of it.

        Raises Problem: PaymentNotFound, OperationConflict, OperationInProgress, KeyReused.
        """
        begin = self._begin(kind, caller, payment_id, amount=amount, key=key)
        return await self._carry_out(Order(begin, payment_id, self.deadline(), Trace.here()))

    def _begin(
        self, kind: Kind, caller: Caller, payment_id: str, *, amount: int = 0, key: str = ""
    ) -> Begin:
        uid = f"{caller.merchant}:{payment_id}"
        name = identity.operation_id(kind, uid, key)
        operation = Operation(
            operation_id=name,
            uid=uid,
            kind=kind,
            idempotency=identity.idempotency(caller.merchant, key, name),
            fingerprint=identity.digest(name, str(amount)),
            amount=amount,
            actor=caller.actor,
            created_at=self._clock.now(),
            lease_until=self._lease(),
            traceparent=inject(),
        )
        return Begin(operation)

    async def capture(
        self, caller: Caller, payment_id: str, amount: str | None, *, key: str
    ) -> Reply:
        """Take all or part of what is held: as `act`, and raises AmountInvalid."""
        minor = 0
        if amount is not None:
            payment = (await self.find(caller, payment_id)).payment
            minor = minor_units(amount, payment.currency)
        return await self.act(Kind.CAPTURE, caller, payment_id, amount=minor, key=key)

    async def refund(self, caller: Caller, payment_id: str, amount: str, *, key: str) -> Reply:
        """Give back some of what was captured: as `act`, and raises AmountInvalid.

        Raises RefundNotPermitted when the receiver is another merchant's account, and Unavailable
        when the wallet does not tell; nothing has begun then.
        """
        payment = (await self.find(caller, payment_id)).payment
        minor = minor_units(amount, payment.currency)
        try:
            account = await self._receiver(payment)
        except Unanswered as error:
            raise Unavailable(
                "the wallet does not answer, so nothing was begun; repeat the refund",
                headers={"retry-after": "1"},
            ) from error
        if account is not None and account.merchant != caller.merchant:
            raise RefundNotPermitted("the destination account belongs to another merchant")
        return await self.act(Kind.REFUND, caller, payment_id, amount=minor, key=key)

    async def _receiver(self, payment: Payment) -> Account | None:
        if payment.payee is not None:
            named = Named(payment.merchant, payment.payee)
        else:
            # Of an earlier release: what it says is an id of the ledger.
            named = Named(None, payment.destination_account)
        (found,) = await self._accounts.find((named,), self.deadline())
        if isinstance(found, Unanswered):
            raise found
        return found

    async def decide(self, kind: Kind, caller: Caller, payment_id: str, *, key: str) -> Reply:
        """Approve or refuse a payment in review: as `act`, and raises FourEyes."""
        about = {"payment_id": payment_id, "actor": caller.actor}
        if self._settings.four_eyes and await self._has_paid(caller, payment_id):
            audit(self._log, kind.value, outcome="four_eyes", **about)
            raise FourEyes
        try:
            reply = await self.act(kind, caller, payment_id, key=key)
        except Problem as problem:
            audit(self._log, kind.value, outcome=problem.code, **about)
            raise
        outcome = _AUDITED.get(reply.answer.status, str(reply.answer.status))
        audit(self._log, kind.value, outcome=outcome, **about)
        return reply

    async def find(self, caller: Caller, payment_id: str) -> reads.Found:
        """Return the caller's payment, and what it waits for; raises PaymentNotFound."""
        uid = f"{caller.merchant}:{payment_id}"
        found = await self._database.read(lambda c: reads.find_payment(c, uid))
        if found is None:
            raise PaymentNotFound
        return found

    async def resume(self, left: Sequence[Started], traces: Sequence[Trace]) -> Sequence[Result]:
        """Drive operations that somebody left; return what became of each, in order."""
        deadline = self.deadline()
        drives = [Drive(s, deadline, t) for s, t in zip(left, traces, strict=True)]
        return await settled(await self._flow.drive(drives))

    async def expire(self, overdue: Sequence[Payment], traces: Sequence[Trace]) -> Sequence[Result]:
        """Release holds that ran out; return what became of each, in order.

        That is a Problem when somebody else works on the payment.
        """
        if not overdue:
            return []
        deadline = self.deadline()
        orders = [
            Order(
                self._begin(Kind.EXPIRE, Caller(p.merchant, "expiry"), p.payment_id),
                p.payment_id,
                deadline,
                trace,
            )
            for p, trace in zip(overdue, traces, strict=True)
        ]
        return await settled(await self._flow.carry_out(orders))

    async def _carry_out(self, order: Order) -> Reply:
        (reply,) = await settled(await self._flow.carry_out((order,)))
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def _has_paid(self, caller: Caller, payment_id: str) -> bool:
        """Tell whether the caller's key made the payment.

        Releases before this one stored no key with it; who made those nobody can tell any more.
        """
        name = identity.operation_id(Kind.PAY, f"{caller.merchant}:{payment_id}")
        paid = await self._database.read(lambda c: reads.find_operation(c, name))
        return paid is not None and paid.actor == caller.actor

    def deadline(self) -> Deadline:
        """Return by when the request that is being served is answered."""
        own = Deadline.after(self._settings.payment_seconds)
        asked = current_deadline.get()
        return asked if asked is not None and asked.expires_at < own.expires_at else own

    def _lease(self) -> int:
        return self._clock.now() + round(self._settings.lease_seconds * MICROS)

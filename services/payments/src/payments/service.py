"""The use cases on payments that are there, and who may ask for them; `paying` makes them."""

from collections.abc import Sequence

from kurs.data.database import Database
from kurs.kernel.batching import settled
from kurs.kernel.caller import Caller
from kurs.kernel.clock import MICROS, Clock
from kurs.kernel.deadline import Deadline, request_deadline
from kurs.kernel.errors import Problem, Unavailable
from kurs.telemetry import Telemetry, Trace, inject
from kurs.telemetry.audit_log import audit
from payments.accounts import Account, AccountDirectory, Named
from payments.clients import Unanswered
from payments.domain import identity
from payments.domain.beginning import Started
from payments.domain.moves import Kind
from payments.domain.operation import Operation
from payments.domain.payment import Payment
from payments.errors import FourEyes, PaymentNotFound, RefundNotPermitted
from payments.flow.orders import Drive, Order, Reply
from payments.flow.waves import Flow
from payments.paying import minor_units
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

    async def act(
        self, kind: Kind, caller: Caller, payment_id: str, *, amount: int = 0, key: str = ""
    ) -> Reply:
        """Capture, void, refund, approve or refuse a payment; an amount of 0 means all of it.

        Raises Problem: PaymentNotFound, OperationConflict, OperationInProgress, KeyReused.
        """
        begin = self._begin(kind, caller, payment_id, amount=amount, key=key)
        order = Order(begin, payment_id, self._deadline(), Trace.here())
        return await self._flow.carry_out_one(order)

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
        (found,) = await self._accounts.find((named,), self._deadline())
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
        deadline = self._deadline()
        drives = [Drive(s, deadline, t) for s, t in zip(left, traces, strict=True)]
        return await settled(await self._flow.drive(drives))

    async def expire(self, overdue: Sequence[Payment], traces: Sequence[Trace]) -> Sequence[Result]:
        """Release holds that ran out; return what became of each, in order.

        That is a Problem when somebody else works on the payment.
        """
        if not overdue:
            return []
        deadline = self._deadline()
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

    async def _has_paid(self, caller: Caller, payment_id: str) -> bool:
        """Tell whether the caller's key made the payment.

        Releases before this one stored no key with it; who made those nobody can tell any more.
        """
        name = identity.operation_id(Kind.PAY, f"{caller.merchant}:{payment_id}")
        paid = await self._database.read(lambda c: reads.find_operation(c, name))
        return paid is not None and paid.actor == caller.actor

    def _deadline(self) -> Deadline:
        return request_deadline(self._settings.payment_seconds)

    def _lease(self) -> int:
        return self._clock.now() + round(self._settings.lease_seconds * MICROS)

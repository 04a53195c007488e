"""The use cases of payments: what a request becomes, and how its answer is made and kept."""

from dataclasses import dataclass, replace

from opentelemetry.trace import get_current_span

from kurs.calls import Deadline, current_deadline
from kurs.data.database import Database, Writer
from kurs.kernel.batching import BatchMetrics
from kurs.kernel.caller import Caller
from kurs.kernel.clock import MICROS, Clock, monotonic
from kurs.kernel.errors import Forbidden, Problem, Unavailable
from kurs.kernel.money import format_amount
from kurs.telemetry import Telemetry, inject
from kurs.telemetry.audit_log import audit
from payments.clients import AccountDirectory, Unanswered
from payments.domain.operation import Answer, Kind, Operation, digest, operation_id
from payments.domain.payment import Payment, Status
from payments.errors import FourEyes, PaymentNotFound
from payments.feed import Feed
from payments.flow import PaymentFlow, Settled
from payments.metrics import PaymentMetrics, span_attributes
from payments.schemas import (
    RefundAnswer,
    RefundState,
    exchange_answer,
    failure_answer,
    payment_answer,
)
from payments.settings import PaymentsSettings
from payments.store import reads
from payments.store.leases import Started
from payments.store.writes import (
    Begin,
    Claim,
    Finish,
    Op,
    Outcome,
    Replay,
    VersionConflict,
    apply,
)
from payments.waves import Waves, give_way

RUNNING = 202
_DECIDED = {200: "done", 202: "open", 400: "failed"}


class RefundNotPermitted(Forbidden):
    """The money went to another merchant's account; only that merchant can pay it back."""

    code = "refund_not_permitted"
    title = "Refund not permitted"


@dataclass(frozen=True, slots=True)
class Told:
    """What a caller is told: an answer, whose payment it is about, whether it was told before."""

    answer: Answer
    payment_id: str
    replayed: bool = False


class PaymentService:
    """Takes requests to an answer; every answer is given after the commit that holds it."""

    def __init__(
        self,
        *,
        database: Database,
        flow: PaymentFlow,
        accounts: AccountDirectory,
        feed: Feed,
        settings: PaymentsSettings,
        metrics: PaymentMetrics,
        telemetry: Telemetry,
        batches: BatchMetrics,
        clock: Clock,
    ) -> None:
        self._database = database
        self._flow = flow
        self._accounts = accounts
        self._feed = feed
        self._settings = settings
        self._metrics = metrics
        self._log = telemetry.logger
        self._tracer = telemetry.tracer
        self._clock = clock
        self._waves = Waves(metrics=batches)
        self._writer: Writer[Op, Outcome] = Writer(
            database,
            apply,
            name="payments-writer",
            member=lambda op: op.traceparent,
            metrics=batches,
        )
        self.close = self._writer.close

    async def pay(
        self, payment: Payment, *, actor: str, idempotency: str, fingerprint: str
    ) -> Told:
        """Make a payment once, however often it is asked for. Raises Problem.

        Its active operation is the one to pay it, and `actor` who asks first.
        """
        assert payment.active_operation is not None
        operation = Operation(
            operation_id=payment.active_operation,
            uid=payment.uid,
            kind=Kind.PAY,
            idempotency=idempotency,
            fingerprint=fingerprint,
            amount=payment.amount,
            actor=actor,
            created_at=payment.created_at,
            lease_until=self._lease(),
            traceparent=inject(),
        )
        parties = (payment.source_account, payment.destination_account)
        await self._accounts.prepare(parties, self._deadline())
        async with self._waves.place():
            return await self._carry_out(Claim(payment, operation), payment.payment_id)

    async def act(
        self, kind: Kind, caller: Caller, payment_id: str, *, amount: int = 0, key: str = ""
    ) -> Told:
        """Capture, void, refund, approve or refuse a payment; an amount of 0 means all of it.

        Raises Problem: PaymentNotFound, OperationConflict, OperationInProgress, KeyReused.
        """
        uid = f"{caller.merchant}:{payment_id}"
        name = operation_id(kind, uid, key)
        operation = Operation(
            operation_id=name,
            uid=uid,
            kind=kind,
            idempotency=f"k:{caller.merchant}:{key}" if key else name,
            fingerprint=digest(name, str(amount)),
            amount=amount,
            actor=caller.actor,
            created_at=self._clock.now(),
            lease_until=self._lease(),
            traceparent=inject(),
        )
        return await self._carry_out(Begin(operation), payment_id)

    async def decide(self, kind: Kind, caller: Caller, payment_id: str, *, key: str) -> Told:
        """Approve or refuse a payment in review: as `act`, and raises FourEyes."""
        about = {"payment_id": payment_id, "actor": caller.actor}
        if self._settings.four_eyes and await self._has_paid(caller, payment_id):
            audit(self._log, kind.value, outcome="four_eyes", **about)
            raise FourEyes
        try:
            told = await self.act(kind, caller, payment_id, key=key)
        except Problem as problem:
            audit(self._log, kind.value, outcome=problem.code, **about)
            raise
        audit(self._log, kind.value, outcome=_DECIDED[told.answer.status], **about)
        return told

    async def _has_paid(self, caller: Caller, payment_id: str) -> bool:
        """Tell whether the caller's key made the payment.

        Releases before this one stored no key with it; who made those nobody can tell any more.
        """
        name = operation_id(Kind.PAY, f"{caller.merchant}:{payment_id}")
        paid = await self._database.read(lambda c: reads.find_operation(c, name))
        return paid is not None and paid.actor == caller.actor

    async def check_refundable(self, caller: Caller, payment: Payment) -> None:
        """Raise RefundNotPermitted when the receiver is another merchant's account.

        Raises Unavailable when the wallet does not tell; nothing has begun then.
        """
        try:
            account = await self._accounts.find(payment.destination_account, self._deadline())
        except Unanswered as error:
            raise Unavailable(
                "the wallet does not answer, so nothing was begun; repeat the refund",
                headers={"retry-after": "1"},
            ) from error
        if account is not None and account.merchant != caller.merchant:
            raise RefundNotPermitted("the destination account belongs to another merchant")

    def now(self) -> int:
        """Return the time by the service's clock, microseconds since the epoch."""
        return self._clock.now()

    async def find(self, caller: Caller, payment_id: str) -> Payment:
        """Return the caller's payment; raises PaymentNotFound."""
        uid = f"{caller.merchant}:{payment_id}"
        payment = await self._database.read(lambda c: reads.find_payment(c, uid))
        if payment is None:
            raise PaymentNotFound
        return payment

    async def list(self, wanted: reads.Filter) -> reads.Page:
        """Return a page of payments; raises CursorInvalid."""
        return await self._database.read(lambda c: reads.list_payments(c, wanted))

    async def resume(self, started: Started) -> None:
        """Drive an operation that somebody left; raises Unanswered when it is still open."""
        await self._settle(started)

    async def expire(self, payment: Payment) -> None:
        """Release a hold that ran out; a no-op when somebody else works on the payment."""
        caller = Caller(payment.merchant, "expiry")
        try:
            await self.act(Kind.EXPIRE, caller, payment.payment_id)
        except Problem as problem:
            self._log.info("hold not expired", payment_id=payment.payment_id, why=problem.detail)

    async def _carry_out(self, op: Op, payment_id: str) -> Told:
        begun = await self._commit(op)
        if isinstance(begun, Replay):
            self._metrics.replays.inc()
            return Told(begun.answer, payment_id, replayed=True)
        assert isinstance(begun, Started)
        answer = await self._drive(begun)
        return Told(answer, begun.payment.payment_id)

    async def _commit(self, op: Op) -> Outcome:
        if not get_current_span().is_recording():
            return await self._writer.submit(op)
        # The payment's wait for the transaction that it shares with others.
        with self._tracer.start_as_current_span(f"payments {type(op).__name__.lower()}"):
            return await self._writer.submit(replace(op, traceparent=inject()))

    async def _drive(self, started: Started) -> Answer:
        try:
            return await self._settle(started)
        except Unanswered:
            return self._open_answer(started)

    async def _settle(self, started: Started) -> Answer:
        """Take an operation to its recorded outcome; raises Unanswered when there is none yet."""
        begun = monotonic()
        try:
            settled = await self._flow.drive(started, self._deadline())
            answer = await self._finish(started, settled)
        except Unanswered as error:
            self._metrics.processing.labels(error.dependency).inc()
            self._log.warning("outcome open", operation=started.operation.operation_id, why=error)
            raise
        span = get_current_span()
        if span.is_recording():
            span.set_attributes(span_attributes(started.operation, settled.payment))
        self._log.info(
            "operation",
            kind=started.operation.kind.value,
            actor=started.operation.actor,
            payment_id=started.payment.payment_id,
            status=settled.payment.status.value,
            answer=answer.status,
            ms=round((monotonic() - begun) * 1000, 1),
        )
        return answer

    async def _finish(self, started: Started, settled: Settled) -> Answer:
        before, operation = started.payment, started.operation
        after = settled.payment
        if after.active_operation is not None:
            after = replace(after, active_operation=None)
        answer = _answer(operation, after, settled)
        finish = Finish(before, after, operation, answer, settled.cause)
        give_way()
        try:
            await self._commit(finish)
        except VersionConflict:
            return await self._answer_of_another(started)
        except Problem as problem:
            raise Unanswered("database", problem.detail) from problem
        self._feed.wake()
        self._metrics.finished(operation.kind, before, after)
        if settled.refund is not None:
            self._metrics.refunded(after, operation.amount, settled.refund.rate)
        return answer

    async def _answer_of_another(self, started: Started) -> Answer:
        name = started.operation.operation_id
        stored = await self._database.read(lambda c: reads.find_operation(c, name))
        if stored is None or stored.answer is None:
            raise Unanswered("payments", "another process works on this operation")
        return stored.answer

    def _open_answer(self, started: Started) -> Answer:
        if started.operation.kind is Kind.REFUND:
            body = _refund_answer(started.operation, started.payment, "PROCESSING", None)
            return Answer(RUNNING, body)
        return Answer(RUNNING, payment_answer(started.payment).model_dump_json().encode())

    def _deadline(self) -> Deadline:
        own = Deadline.after(self._settings.payment_timeout)
        asked = current_deadline.get()
        return asked if asked is not None and asked.expires_at < own.expires_at else own

    def _lease(self) -> int:
        return self._clock.now() + round(self._settings.lease_seconds * MICROS)


def _answer(operation: Operation, payment: Payment, settled: Settled) -> Answer:
    failed = settled.failure is not None or (
        operation.kind is Kind.PAY and payment.status is Status.FAILED
    )
    status = 400 if failed else 200
    if operation.kind is Kind.REFUND:
        state: RefundState = "FAILED" if failed else "SUCCEEDED"
        return Answer(status, _refund_answer(operation, payment, state, settled))
    shown = payment_answer(payment)
    if settled.failure is not None and shown.failure is None:
        shown.failure = failure_answer(settled.failure)
    return Answer(status, shown.model_dump_json().encode())


def _refund_answer(
    operation: Operation, payment: Payment, state: RefundState, settled: Settled | None
) -> bytes:
    failure = settled.failure if settled else None
    made = settled.refund if settled else None
    bought = payment.destination_currency
    exchange = made.exchange if made else None
    answer = RefundAnswer.model_construct(
        refund_id=f"rfd_{operation.operation_id.rsplit(':', 1)[1]}",
        status=state,
        amount=format_amount(operation.amount, payment.currency),
        currency=payment.currency,
        destination_amount=format_amount(made.given, bought) if made and bought else None,
        destination_currency=bought,
        rate=made.rate.value if made and made.rate else None,
        fx=None if exchange is None else exchange_answer(exchange),
        failure=None if failure is None else failure_answer(failure),
        payment=payment_answer(payment),
    )
    return answer.model_dump_json().encode()

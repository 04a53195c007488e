"""What an operation of each kind asks of others, in order; what the answers mean is the domain's.

Whoever drives an operation again (a retry, the sweeper, another replica) ends at the same outcome:
the ledger keeps the first transfer under an operation's id, and before a payment that was taken
over fails, its id is burnt there.
"""

from collections.abc import Awaitable, Callable, Mapping

from kurs.calls import Deadline
from kurs.contracts.wallet import TransferItem
from kurs.kernel.clock import MICROS, Clock
from payments.assessment import Assessor, Declined, Dependencies
from payments.clients import Unanswered, Unusable
from payments.domain import outcomes, transfers
from payments.domain.beginning import Started
from payments.domain.failure import Failure, FailureCode, Refusal
from payments.domain.ledger import Result, Unreadable, read_result
from payments.domain.moves import HELD, Kind
from payments.domain.outcomes import Settled
from payments.domain.payment import Payment
from payments.domain.refunds import Refund, at_payments_rate, at_present_rate, is_late
from payments.settings import PaymentsSettings
from payments.waves import together

Step = Callable[[Started, Deadline], Awaitable[Settled]]


class Steps:
    """Takes operations from their intent to their outcome; nothing is recorded here."""

    def __init__(
        self,
        dependencies: Dependencies,
        settings: PaymentsSettings,
        clock: Clock,
        assessor: Assessor,
    ) -> None:
        self._assessor = assessor
        self._wallet = dependencies.wallet
        self._settings = settings
        self._clock = clock
        self._of: Mapping[str, Step] = {
            Kind.PAY: self._pay,
            Kind.CAPTURE: self._capture,
            Kind.APPROVE: self._capture,
            Kind.VOID: self._release,
            Kind.REFUSE: self._release,
            Kind.EXPIRE: self._release,
            Kind.REFUND: self._refund,
        }

    async def drive(self, started: Started, deadline: Deadline) -> Settled:
        """Return the outcome; raises Unanswered when it cannot be known yet."""
        try:
            return await self._of[started.operation.kind](started, deadline)
        except Unreadable as error:
            raise Unusable("wallet", str(error)) from error

    async def _pay(self, started: Started, deadline: Deadline) -> Settled:
        payment, operation = started.payment, started.operation
        assessed = await self._assess(started, deadline)
        await together()
        if isinstance(assessed, Payment):
            moved = self._moved(assessed)
            result = await self._ask(transfers.pay(moved, operation), deadline)
            return outcomes.paid(assessed, moved, result, self._clock.now())
        payment, failure = assessed.payment, assessed.failure
        if started.fresh:
            return outcomes.failed(payment, failure, self._clock.now())
        result = await self._ask(transfers.cancel(payment, operation, failure), deadline)
        return outcomes.burnt(payment, failure, result, self._clock.now())

    async def _assess(self, started: Started, deadline: Deadline) -> Payment | Declined:
        """Ask whether the payment may go on; nobody asks for ever."""
        try:
            return await self._assessor.assess(started.payment, deadline)
        except Unanswered as error:
            waited = self._clock.now() - started.payment.created_at
            if started.fresh or waited <= self._settings.give_up_seconds * MICROS:
                raise
            failure = Failure(FailureCode.TIMED_OUT, f"no outcome in time: {error}")
            return Declined(started.payment, failure)

    def _moved(self, payment: Payment) -> Payment:
        """Return the payment as it will be once its money is moved, or held."""
        status, at = payment.paid_as, self._clock.now()
        if status not in HELD:
            return payment.move(status, at=at, captured_amount=payment.amount)
        settings, crosses = self._settings, payment.exchange is not None
        seconds = settings.exchange_hold_seconds if crosses else settings.hold_seconds
        expires_at = payment.created_at + round(seconds * MICROS)
        return payment.move(status, at=at, hold_expires_at=expires_at)

    async def _capture(self, started: Started, deadline: Deadline) -> Settled:
        payment, operation = started.payment, started.operation
        result = await self._ask(transfers.capture(payment, operation), deadline)
        return outcomes.captured(payment, operation, result, self._clock.now())

    async def _release(self, started: Started, deadline: Deadline) -> Settled:
        payment, operation = started.payment, started.operation
        result = await self._ask(transfers.release(payment, operation), deadline)
        return outcomes.released(payment, operation, result, self._clock.now())

    async def _refund(self, started: Started, deadline: Deadline) -> Settled:
        payment, operation = started.payment, started.operation
        try:
            refund = await self._priced_refund(started, deadline)
        except Refusal as refusal:
            if started.fresh:
                return Settled(payment, "refused", refusal.failure)
            # Whoever drove it before may have had a price.
            result = await self._ask(transfers.cancel(payment, operation), deadline)
            at = self._clock.now()
            return outcomes.unrefunded(payment, operation, refusal.failure, result, at)
        result = await self._ask(transfers.refund(payment, operation, refund), deadline)
        return outcomes.refunded(payment, operation, refund, result, self._clock.now())

    async def _priced_refund(self, started: Started, deadline: Deadline) -> Refund:
        payment, operation = started.payment, started.operation
        window = round(self._settings.refund_rate_window_seconds * MICROS)
        late = is_late(payment, operation.created_at, window)
        if late or not await self._assessor.may_give_back(payment, deadline):
            priced = await self._assessor.price_back(payment, operation.amount, deadline)
            return at_present_rate(payment, *priced)
        spread = self._settings.refund_returns_spread
        return at_payments_rate(payment, operation.amount, returns_spread=spread)

    async def _ask(self, item: TransferItem, deadline: Deadline) -> Result:
        return read_result(await self._wallet.call(item, deadline))

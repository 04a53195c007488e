"""Money moves: what an operation of each kind asks of the ledger, which is asked for many at once.

What the ledger's answers mean is the domain's.

Whoever drives an operation again (a retry, the sweeper, another replica) ends at the same outcome:
the ledger keeps the first transfer under an operation's id, and before a payment that was taken
over fails, its id is burnt there.
"""

from collections.abc import Sequence
from typing import NamedTuple

from kurs.contracts.wallet import TransferItem, TransferResult
from kurs.kernel.batching import alone
from kurs.kernel.clock import MICROS, Clock
from payments.clients import BatchClient, Unanswered, Unusable
from payments.domain import transfers
from payments.domain.beginning import Started
from payments.domain.failure import Failure, FailureCode, Refusal
from payments.domain.ledger import Unreadable, read_result
from payments.domain.moves import HELD, Kind
from payments.domain.outcomes import (
    Burnt,
    Captured,
    Meaning,
    Outcome,
    Paid,
    Refunded,
    Released,
    Unrefunded,
    failed,
)
from payments.domain.payment import Payment
from payments.domain.refunds import Refund, at_payments_rate, at_present_rate
from payments.flow.assessment import Assessed
from payments.flow.orders import Drive
from payments.flow.payment_assessment import Declined
from payments.flow.prices import Priced
from payments.settings import PaymentsSettings


class Transfer(NamedTuple):
    """What is asked of the ledger, and what its answer means."""

    item: TransferItem
    means: Meaning


class Steps:
    """Takes operations from what is known of them to their outcome."""

    def __init__(
        self,
        wallet: BatchClient[TransferItem, TransferResult],
        settings: PaymentsSettings,
        clock: Clock,
    ) -> None:
        self._wallet = wallet
        self._settings = settings
        self._clock = clock

    async def move(
        self, drives: Sequence[Drive], assessed: Sequence[Assessed | Exception]
    ) -> list[Outcome | Exception]:
        """Move the money of drives, and return their outcomes, in order.

        In place of what has none is the exception that says why.
        """
        steps = [
            alone(self.take, drive.started, each)
            for drive, each in zip(drives, assessed, strict=True)
        ]
        asked = [
            (drive, step.item)
            for drive, step in zip(drives, steps, strict=True)
            if isinstance(step, Transfer)
        ]
        results = iter(await self._wallet.ask([i for _, i in asked], [d for d, _ in asked]))
        return [
            alone(self._end, step, next(results)) if isinstance(step, Transfer) else step
            for step in steps
        ]

    def take(self, started: Started, assessed: Assessed | Exception) -> Transfer | Outcome:
        """Return the transfer that an operation needs, or its outcome if it needs none.

        Raises Unanswered when neither can be known yet.
        """
        payment, operation = started.payment, started.operation
        match operation.kind:
            case Kind.PAY:
                return self._pay(started, assessed)
            case Kind.CAPTURE | Kind.APPROVE:
                taken = transfers.capture(payment, operation)
                return Transfer(taken, Captured(payment, operation))
            case Kind.VOID | Kind.REFUSE | Kind.EXPIRE:
                freed = transfers.release(payment, operation)
                return Transfer(freed, Released(payment, operation))
            case Kind.REFUND:
                return self._refund(started, assessed)
        raise KeyError(operation.kind)

    def _end(self, transfer: Transfer, result: TransferResult | Exception) -> Outcome:
        """Return the outcome that the ledger's answer means; raises Unanswered without one."""
        if isinstance(result, Exception):
            raise result
        try:
            return transfer.means.outcome(read_result(result), self._clock.now())
        except Unreadable as error:
            raise Unusable("wallet", str(error)) from error

    def _pay(self, started: Started, assessed: Assessed | Exception) -> Transfer | Outcome:
        payment, operation = started.payment, started.operation
        if isinstance(assessed, Unanswered):
            assessed = self._given_up(started, assessed)
        if isinstance(assessed, Payment):
            moved = self._moved(assessed)
            return Transfer(transfers.pay(moved, operation), Paid(assessed, moved))
        payment, failure = _declined(assessed)
        if started.fresh:
            return failed(payment, failure, self._clock.now())
        item = transfers.cancel(payment, operation, failure)
        return Transfer(item, Burnt(payment, failure))

    def _given_up(self, started: Started, error: Unanswered) -> Declined:
        """Decline what nobody could judge for long; nobody asks for ever. Raises Unanswered."""
        waited = self._clock.now() - started.payment.created_at
        if started.fresh or waited <= self._settings.give_up_seconds * MICROS:
            raise error
        return Declined(
            started.payment, Failure(FailureCode.TIMED_OUT, f"no outcome in time: {error}")
        )

    def _moved(self, payment: Payment) -> Payment:
        """Return the payment as it will be once its money is moved, or held."""
        status, at = payment.paid_as, self._clock.now()
        if status not in HELD:
            return payment.move(status, at=at, captured_amount=payment.amount)
        settings, crosses = self._settings, payment.exchange is not None
        seconds = settings.exchange_hold_seconds if crosses else settings.hold_seconds
        expires_at = payment.created_at + round(seconds * MICROS)
        return payment.move(status, at=at, hold_expires_at=expires_at)

    def _refund(self, started: Started, assessed: Assessed | Exception) -> Transfer | Outcome:
        payment, operation = started.payment, started.operation
        try:
            refund = self._priced(started, assessed)
        except Refusal as refusal:
            if started.fresh:
                return Outcome(payment, "refused", refusal.failure)
            # Whoever drove it before may have had a price.
            means = Unrefunded(payment, operation, refusal.failure)
            return Transfer(transfers.cancel(payment, operation), means)
        item = transfers.refund(payment, operation, refund)
        return Transfer(item, Refunded(payment, operation, refund))

    def _priced(self, started: Started, price: Assessed | Exception) -> Refund:
        """Return the refund at the price that was asked for; raises Refusal and Unanswered."""
        if isinstance(price, Exception):
            raise price
        if isinstance(price, Priced):
            return at_present_rate(started.payment, *price)
        spread = self._settings.refund_returns_spread
        return at_payments_rate(started.payment, started.operation.amount, returns_spread=spread)


def _declined(assessed: Assessed | Exception) -> Declined:
    if isinstance(assessed, Exception):
        raise assessed
    assert isinstance(assessed, Declined)
    return assessed

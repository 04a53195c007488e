"""The use case of paying: a request becomes a payment between accounts, and is carried out."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from opentelemetry.trace import format_trace_id

from kurs.data.database import Database
from kurs.kernel.accounts import shown
from kurs.kernel.batching import Eventually, alone
from kurs.kernel.caller import Caller
from kurs.kernel.clock import MICROS, Clock
from kurs.kernel.currencies import is_payable
from kurs.kernel.deadline import Deadline, request_deadline
from kurs.kernel.errors import Overloaded
from kurs.kernel.money import InvalidAmount, parse_amount
from kurs.kernel.validation import past_currencies
from kurs.telemetry import Trace
from payments.accounts import AccountDirectory, Named
from payments.domain import identity
from payments.domain.moves import Kind
from payments.domain.operation import Operation
from payments.domain.payment import Payment
from payments.errors import AmountInvalid, IdempotencyKeyInvalid, IdempotencyKeyRequired
from payments.flow.orders import Order, Reply
from payments.flow.waves import Flow
from payments.schemas import PaymentRequest
from payments.settings import PaymentsSettings
from payments.store import reads
from payments.store.ops import Claim


class Asked(NamedTuple):
    """A request to pay: who asks, for what, by when, and the trace that it is of.

    `key` is the Idempotency-Key, empty without one; `request_id` is the gateway's.
    """

    caller: Caller
    request: PaymentRequest
    key: str
    request_id: str
    deadline: Deadline
    trace: Trace


class Paying:
    """Takes requests to pay to their answers; each is given after the commit that holds it."""

    def __init__(
        self,
        *,
        database: Database,
        flow: Flow,
        accounts: AccountDirectory,
        settings: PaymentsSettings,
        clock: Clock,
    ) -> None:
        self._database = database
        self._flow = flow
        self._accounts = accounts
        self._settings = settings
        self._clock = clock

    def deadline(self) -> Deadline:
        """Return by when the request to pay that is being served is answered."""
        return request_deadline(self._settings.payment_seconds)

    async def pay(self, asked: Sequence[Asked]) -> list[Eventually[Reply]]:
        """Make payments once, however often they are asked for; return their answers, in order.

        In place of one is the Problem that says why there is none, and a future where it comes
        later than the others.
        """
        found = [alone(self._order, each) for each in asked]
        # What is looked up is so at once, and not only when the others have been paid.
        orders = [
            order or asyncio.ensure_future(self._pay_looked_up(each))
            for each, order in zip(asked, found, strict=True)
        ]
        known = [order for order in orders if isinstance(order, Order)]
        replies = iter(await self._carry_out_known(known))
        return [next(replies) if isinstance(order, Order) else order for order in orders]

    async def _carry_out_known(self, orders: Sequence[Order]) -> Sequence[Eventually[Reply]]:
        try:
            return await self._flow.carry_out(orders) if orders else ()
        except Overloaded as error:
            # Others that were asked for with them are under way.
            return [error] * len(orders)

    def _order(self, asked: Asked) -> Order | None:
        """Return what is to be done; None where something is to be looked up first.

        Raises AmountInvalid, and IdempotencyKeyRequired for a request that has no name.
        """
        if not asked.key and asked.request.payment_id is None:
            # Sent again for want of an answer it would be a second payment.
            raise IdempotencyKeyRequired(
                "a payment needs an Idempotency-Key header, or a payment_id"
            )
        amount = minor_units(asked.request.amount, asked.request.currency)
        if not all(map(is_payable, _currencies_of(asked))):
            return None
        payer, payee = map(self._accounts.known, _parties_of(asked))
        if payer is None or payee is None:
            return None
        return self._order_between(asked, amount, (payer.name, payee.name))

    async def _pay_looked_up(self, asked: Asked) -> Reply:
        await self._check_currencies(asked)
        parties = await self._accounts.prepare(_parties_of(asked), asked.deadline)
        amount = minor_units(asked.request.amount, asked.request.currency)
        return await self._flow.carry_out_one(self._order_between(asked, amount, parties))

    async def _check_currencies(self, asked: Asked) -> None:
        """Raise Unprocessable for currencies of the past, unless the payment was asked for before.

        A payment that was made is answered as it was, whatever became of its currency since.
        """
        request = asked.request
        past = past_currencies(
            (
                ("currency", request.currency),
                ("destination_currency", request.destination_currency),
            )
        )
        if past is not None:
            name = identity.operation_id(Kind.PAY, f"{asked.caller.merchant}:{_id_of(asked)}")
            if await self._database.read(lambda c: reads.find_operation(c, name)) is None:
                raise past

    def _order_between(self, asked: Asked, amount: int, parties: Sequence[str | None]) -> Order:
        # What it is between is so from its beginning, whatever these names come to mean.
        now = self._clock.now()
        lease_until = now + round(self._settings.lease_seconds * MICROS)
        made = _claim(asked, amount, parties, now=now, lease_until=lease_until)
        return Order(made, made.payment.payment_id, asked.deadline, asked.trace)


def checked_key(idempotency_key: str | None) -> str:
    """Return an Idempotency-Key, empty without one; raises IdempotencyKeyInvalid."""
    if idempotency_key is None:
        return ""
    printable = all("\x21" <= c <= "\x7e" for c in idempotency_key)
    if not 1 <= len(idempotency_key) <= 255 or not printable:
        raise IdempotencyKeyInvalid
    return idempotency_key


def minor_units(amount: str, currency: str) -> int:
    """Return an amount in minor units; raises AmountInvalid."""
    try:
        return parse_amount(amount, currency)
    except InvalidAmount as error:
        raise AmountInvalid("amount", error.code, error.message, error.hint) from None


def _parties_of(asked: Asked) -> tuple[Named, Named]:
    """Return whose money is to go to whom, as the caller names them."""
    merchant, request = asked.caller.merchant, asked.request
    return (
        Named(merchant, shown(merchant, request.source_account)),
        Named(merchant, shown(merchant, request.destination_account)),
    )


def _currencies_of(asked: Asked) -> tuple[str, ...]:
    request = asked.request
    if request.destination_currency is None:
        return (request.currency,)
    return request.currency, request.destination_currency


def _id_of(asked: Asked) -> str:
    """Return the payment's id, which is made of the key where the caller chose none."""
    merchant, key = asked.caller.merchant, asked.key
    return asked.request.payment_id or identity.payment_id(merchant, key, asked.request_id)


def _claim(
    asked: Asked, amount: int, known_as: Sequence[str | None], *, now: int, lease_until: int
) -> Claim:
    """Return what is to be stored; `known_as` are the parties as all name them.

    The amount is in minor units, times are microseconds since the epoch.
    """
    caller, request, merchant = asked.caller, asked.request, asked.caller.merchant
    payment_id = _id_of(asked)
    name = identity.operation_id(Kind.PAY, f"{merchant}:{payment_id}")
    source, destination = _parties_of(asked)
    payer, payee = known_as
    payment = Payment(
        merchant=merchant,
        payment_id=payment_id,
        amount=amount,
        currency=request.currency,
        source_account=source.account,
        destination_account=destination.account,
        destination_currency=request.destination_currency,
        quote=request.quote,
        capture=request.capture,
        description=request.description,
        metadata=request.metadata,
        created_at=now,
        updated_at=now,
        active_operation=name,
        trace_id=format_trace_id(asked.trace.span.get_span_context().trace_id),
        payer=payer,
        payee=payee,
    )
    operation = Operation(
        operation_id=name,
        uid=payment.uid,
        kind=Kind.PAY,
        idempotency=identity.idempotency(merchant, asked.key, f"p:{merchant}:{payment_id}"),
        fingerprint=identity.payment_fingerprint(payment),
        amount=payment.amount,
        actor=caller.actor,
        created_at=now,
        lease_until=lease_until,
        traceparent=asked.trace.traceparent,
    )
    return Claim(payment, operation)

"""How an event is told: bytes that are the same whenever, and by whichever release, it is read.

What it shows of the payment is the first answer of its operation as it was stored. The rest is
written here; tests/payments/test_events.py keeps what it looks like.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from msgspec.json import Decoder, encode
from msgspec.structs import replace
from pydantic_core import from_json, to_json

from kurs.kernel.clock import to_rfc3339
from kurs.kernel.money import format_amount
from kurs.telemetry import Telemetry
from payments.answers import payment_answer
from payments.domain.event_types import REFUND_TYPES
from payments.domain.moves import Status
from payments.domain.payment import Payment
from payments.metrics import PaymentMetrics
from payments.store.events import AnyEvent, DepositEvent, Event, EventPage, UnreadableEvent
from payments.store.feed import FeedPage

_TOLD_MAX = 1_000


class _Object(Struct):
    """Any object, of which nothing is kept."""


_IS_OBJECT = Decoder(_Object)


class _Head(Struct, rename={"from_status": "from", "to_status": "to"}):
    """What an event's own row says of it, in the order in which it is told."""

    id: str
    type: str
    sequence: int
    payment_id: str
    from_status: str | None
    to_status: str
    cause: str
    actor: str
    at: str
    trace_id: str | None
    is_snapshot: bool


class _Fed(Struct):
    """A `kurs.contracts.payments.FeedEvent`."""

    id: str
    sequence: int
    merchant: str
    payment_id: str
    type: str
    at: int
    body: str


class EventTeller:
    """Writes events; one that cannot be read is counted and logged, and stops no other."""

    def __init__(self, metrics: PaymentMetrics, telemetry: Telemetry) -> None:
        self._metrics = metrics
        self._log = telemetry.logger
        self._told: set[int] = set()

    def tell(self, event: AnyEvent, *, full: bool = False) -> bytes | None:
        """Return an event as JSON, None if it cannot be read by this release."""
        if isinstance(event, UnreadableEvent):
            self._note(event.sequence, event.reason)
            return None
        try:
            if isinstance(event, DepositEvent):
                return deposit_bytes(event)
            return event_bytes(event, full=full)
        except Exception as error:
            # Whatever is stored there: those after it are told.
            self._note(event.sequence, f"{type(error).__name__}: {error}")
            return None

    def page(self, page: EventPage, *, full: bool = False) -> bytes:
        """Return a page of events as JSON, each with the bytes that it has alone.

        The sequences of those that cannot be read are `unreadable`, which is left out without any.
        """
        told = [(event.sequence, self.tell(event, full=full)) for event in page.items]
        tail: dict[str, Any] = {"next_after": page.next_after, "has_more": page.has_more}
        if unreadable := [sequence for sequence, body in told if body is None]:
            tail["unreadable"] = unreadable
        items = b",".join(body for _, body in told if body is not None)
        return b'{"items":[' + items + b"]," + to_json(tail)[1:]

    def fed(self, page: FeedPage) -> bytes:
        """Return a page as webhooks reads it: a `kurs.contracts.payments.FeedAnswer`."""
        told = [(event, self.tell(event)) for event in page.items]
        return encode(
            {
                "events": [_fed(event, body) for event, body in told if body is not None],
                "unreadable": [event.sequence for event, body in told if body is None],
                "next_after": page.next_after,
                "newest": page.newest,
                "after_id": page.after_id,
                "next_id": page.next_id,
            }
        )

    def _note(self, sequence: int, reason: str) -> None:
        self._metrics.unreadable_events.inc()
        if sequence not in self._told:
            if len(self._told) >= _TOLD_MAX:
                self._told.clear()
            self._told.add(sequence)
            self._log.error("event not read", sequence=sequence, error=reason)


def event_bytes(event: Event, *, full: bool = False) -> bytes:
    """Return an event as JSON; `full` is for the role `audit`, and tells more than webhooks do."""
    if _is_told_by_answer(event) and not full:
        assert event.answer is not None
        return _head(event) + b',"refund":null,"payment":' + _checked(event.answer) + b"}"
    shown, refund = _then(event)
    if full:
        shown = _in_full(event, shown)
    return _head(event) + b"," + to_json({"refund": refund, "payment": shown})[1:]


def _head(event: Event) -> bytes:
    """Return what an event's own row says of it: an object without its end."""
    # By place, as they are written: names and a dictionary cost as much again.
    head = _Head(
        event.id,
        event.type,
        event.sequence,
        event.payment_id,
        event.from_status,
        event.to_status,
        event.cause,
        event.actor,
        to_rfc3339(event.at),
        _trace_id(event),
        event.from_status is None or event.answer is not None,
    )
    return encode(head)[:-1]


def _checked(answer: bytes) -> bytes:
    """Return a first answer as it was stored, since it would be written again byte for byte.

    Raises what `tell` takes for an answer that is no JSON object.
    """
    _IS_OBJECT.decode(answer)
    answer.decode()  # which the decoder does not look at in what it keeps nothing of
    return answer


def _is_told_by_answer(event: Event) -> bool:
    """Tell whether the first answer of its operation is the payment as the event shows it."""
    return (
        event.answer is not None
        and event.type not in REFUND_TYPES
        and event.to_status != Status.EXPIRED
    )


def _fed(event: AnyEvent, body: bytes) -> _Fed:
    assert not isinstance(event, UnreadableEvent)
    return _Fed(
        event.id,
        event.sequence,
        event.merchant,
        event.subject,
        event.type,
        event.at,
        body.decode(),
    )


def deposit_bytes(event: DepositEvent) -> bytes:
    """Return the event of a deposit as JSON; of another merchant's key only whose it is is told."""
    made = event.deposit
    depositor, _, _ = (made.actor or "").partition("/")
    return to_json(
        {
            "id": event.id,
            "type": event.type,
            "sequence": event.sequence,
            "payment_id": None,
            "actor": made.actor if depositor == made.merchant else depositor or None,
            "at": to_rfc3339(event.at),
            "deposit": {
                "deposit_id": made.deposit_id,
                "account_id": made.account_id,
                "amount": format_amount(made.amount_minor, made.currency),
                "currency": made.currency,
            },
        }
    )


def _then(event: Event) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return the payment as it was, and the refund that it is about."""
    if event.answer is None:
        now = _now(event)
        then = _requested(event, now) if event.from_status is None else now
        return dict(payment_answer(then)), None
    told: dict[str, Any] = from_json(event.answer)
    if event.type in REFUND_TYPES:
        return told.pop("payment"), told
    if event.to_status == Status.EXPIRED:
        # An action that came too late was told so: the payment itself did not fail.
        told["failure"] = None
    return told, None


def _requested(event: Event, payment: Payment) -> Payment:
    return replace(
        payment,
        status=Status.RECEIVED,
        destination_currency=event.asked_currency,
        destination_amount=None,
        exchange=None,
        risk=None,
        failure=None,
        captured_amount=0,
        refunded_amount=0,
        hold_expires_at=None,
        updated_at=payment.created_at,
    )


def _in_full(event: Event, shown: Mapping[str, Any]) -> dict[str, Any]:
    """Add what only `audit` may see; a decision and a failure stay what they are."""
    now = dict(payment_answer(_now(event), full=True))
    return {**shown, **{n: now[n] for n in ("risk", "failure") if shown[n] is not None}}


def _trace_id(event: Event) -> str | None:
    return _now(event).trace_id if event.trace_id is None else event.trace_id


def _now(event: Event) -> Payment:
    assert event.payment is not None, "the store reads what an event is not told without"
    return event.payment

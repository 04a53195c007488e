"""Shapes destinations, deliveries and what was sent by hand into answers."""

from collections.abc import Sequence

from sqlalchemy import RowMapping

from kurs.config.resources import EventDestinationSpec
from kurs.contracts.payments import EventType
from kurs.kernel.clock import to_rfc3339
from webhooks.cursors import write_cursor
from webhooks.domain.delivery import HELD, State, delivery_id
from webhooks.domain.health import Standing
from webhooks.schemas import (
    DeliveriesAnswer,
    DeliveryAnswer,
    DestinationAnswer,
    DestinationsAnswer,
    ReplayAnswer,
    TestAnswer,
)
from webhooks.service import KnownDestination
from webhooks.standings import DestinationStanding
from webhooks.store.again import Replayed
from webhooks.store.reads import Place
from webhooks.trial import TriedEvent

_OF_NO_PAYMENT = frozenset({EventType.DEPOSIT_SUCCEEDED})


def destinations_answer(known: Sequence[KnownDestination]) -> DestinationsAnswer:
    """Return destinations as their merchant sees them."""
    return DestinationsAnswer(items=[_destination(*each) for each in known])


def deliveries_answer(rows: Sequence[RowMapping], limit: int) -> DeliveriesAnswer:
    """Return a page of deliveries; `rows` may hold one more than `limit`."""
    shown = rows[:limit]
    last = Place(shown[-1]["sequence"], shown[-1]["destination"]) if len(rows) > limit else None
    return DeliveriesAnswer(
        items=[_delivery(row) for row in shown],
        next_before=None if last is None else write_cursor(last),
    )


def replay_answer(replayed: Replayed) -> ReplayAnswer:
    """Return what is sent again."""
    return ReplayAnswer(events=replayed.events, until=replayed.until)


def trial_answer(tried: TriedEvent) -> TestAnswer:
    """Return what became of a test event."""
    attempt = tried.attempt
    return TestAnswer(
        event_id=tried.event_id,
        delivered=attempt.taken,
        response_status=attempt.status,
        response=attempt.answer or None,
        error=attempt.reason,
        seconds=round(tried.seconds, 3),
    )


def _destination(
    name: str, spec: EventDestinationSpec, told: DestinationStanding
) -> DestinationAnswer:
    found = told.standing or Standing()
    return DestinationAnswer(
        name=name,
        url=spec.url,
        types=list(spec.types),
        suspended=spec.suspend,
        ready=told.ready,
        reason=told.reason,
        message=told.message,
        delivered_sequence=found.delivered_sequence,
        last_sequence=found.last_sequence,
        waiting=found.waiting,
        oldest_waiting_at=_moment(found.oldest_waiting_at),
        next_try_at=_moment(found.retry_at or None),
        last_error=found.last_error,
        last_error_at=_moment(found.last_error_at),
    )


def _delivery(row: RowMapping) -> DeliveryAnswer:
    waits = row["state"] in (State.WAITING, HELD)
    return DeliveryAnswer(
        delivery_id=delivery_id(row["destination"], row["sequence"]),
        destination=row["destination"],
        event_id=row["event_id"],
        type=row["type"],
        sequence=row["sequence"],
        previous_sequence=row["previous"],
        payment_id=None if row["type"] in _OF_NO_PAYMENT else row["payment_id"],
        status=State.WAITING if waits else row["state"],
        attempts=row["attempts"],
        replays=row["replays"],
        created_at=to_rfc3339(row["created_at"]),
        tried_at=_moment(row["tried_at"]),
        delivered_at=_moment(row["delivered_at"]),
        next_try_at=to_rfc3339(row["next_at"]) if waits else None,
        response_status=row["status"],
        response=row["answer"],
        error=row["error"],
        event=row["body"],
    )


def _moment(micros: int | None) -> str | None:
    return None if micros is None else to_rfc3339(micros)

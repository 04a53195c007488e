"""Shapes destinations and deliveries into what callers are told."""

from collections.abc import Sequence

from sqlalchemy import RowMapping

from kurs.config.resources import EventDestinationSpec
from kurs.contracts.payments import EventType
from kurs.kernel.clock import to_rfc3339
from webhooks.cursors import write_cursor
from webhooks.domain.delivery import State
from webhooks.domain.health import Standing
from webhooks.schemas import DeliveriesAnswer, DeliveryAnswer, DestinationAnswer
from webhooks.standings import DestinationStanding
from webhooks.store.reads import Place

_OF_NO_PAYMENT = frozenset({EventType.DEPOSIT_SUCCEEDED})


def destination_answer(
    name: str,
    spec: EventDestinationSpec,
    told: DestinationStanding,
) -> DestinationAnswer:
    """Return a destination as its merchant sees it."""
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


def deliveries_answer(rows: Sequence[RowMapping], limit: int) -> DeliveriesAnswer:
    """Return a page of deliveries; `rows` may hold one more than `limit`."""
    shown = rows[:limit]
    last = Place(shown[-1]["sequence"], shown[-1]["destination"]) if len(rows) > limit else None
    return DeliveriesAnswer(
        items=[_delivery(row) for row in shown],
        next_before=None if last is None else write_cursor(last),
    )


def delivery_id(destination: str, sequence: int) -> str:
    """Return the id of a delivery."""
    return f"{destination}.{sequence}"


def read_delivery_id(text: str) -> tuple[str, int] | None:
    """Return destination and sequence of an id, None for what is none."""
    destination, _, number = text.rpartition(".")
    if not (destination and number.isascii() and number.isdigit() and len(number) < 19):
        return None
    return destination, int(number)


def _delivery(row: RowMapping) -> DeliveryAnswer:
    waits = row["state"] == State.WAITING
    return DeliveryAnswer(
        delivery_id=delivery_id(row["destination"], row["sequence"]),
        destination=row["destination"],
        event_id=row["event_id"],
        type=row["type"],
        sequence=row["sequence"],
        previous_sequence=row["previous"],
        payment_id=None if row["type"] in _OF_NO_PAYMENT else row["payment_id"],
        status=row["state"],
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

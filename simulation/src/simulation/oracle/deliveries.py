"""Promises about events that leave the house: what receivers took is what happened, in order.

It reads what payments stored by SQL of its own, verifies signatures by the standard library, and
knows the types of events from docs/api.md.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from simulation.oracle.files import beside
from simulation.oracle.promise import BrokenPromise

_TYPES = {
    "RECEIVED": "payment.requested",
    "CAPTURED": "payment.captured",
    "AUTHORIZED": "payment.authorized",
    "REVIEW": "payment.in_review",
    "FAILED": "payment.failed",
    "VOIDED": "payment.voided",
    "EXPIRED": "payment.expired",
    "PARTIALLY_REFUNDED": "refund.succeeded",
    "REFUNDED": "refund.succeeded",
}
_NOT_SENT = "payment.requested"
_APART_SECONDS = 60


class Taken(Protocol):
    """A request that a receiver took."""

    @property
    def at(self) -> float: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def body(self) -> bytes: ...


class Event(NamedTuple):
    """What happened, as payments stored it; a deposit is of no payment and has no status."""

    sequence: int
    type: str
    payment_id: str | None
    before: str | None
    after: str | None


class DeliveryOracle:
    """Reads the databases of payments and of webhooks beside them."""

    def __init__(self, payments: Path, webhooks: Path, secret: str, epoch_seconds: float) -> None:
        self._payments = beside(payments)
        self._webhooks = beside(webhooks)
        self._key = base64.b64decode(secret.removeprefix("whsec_"))
        self._epoch_seconds = epoch_seconds

    def events(self) -> list[Event]:
        """Return everything that happened, in order."""
        query = (
            "SELECT sequence, uid, from_status, to_status, cause FROM payment_events "
            "ORDER BY sequence"
        )
        return [_event(*row) for row in self._payments.execute(query)]

    def is_quiet(self) -> bool:
        """Whether every event was read, and no delivery waits."""
        (newest,) = self._payments.execute("SELECT max(sequence) FROM payment_events").fetchone()
        (read,) = self._webhooks.execute("SELECT max(sequence) FROM feed").fetchone()
        query = "SELECT EXISTS (SELECT 1 FROM deliveries WHERE state = 'waiting')"
        (waits,) = self._webhooks.execute(query).fetchone()
        return (newest or 0) == (read or 0) and not waits

    def gone(self) -> list[tuple[str, int]]:
        """Return the destinations that said 410, each with the event before what waits."""
        query = (
            "SELECT d.name, coalesce((SELECT min(w.sequence) - 1 FROM deliveries w WHERE "
            "w.destination = d.name AND w.state = 'waiting'), 0) FROM destinations d "
            "WHERE d.gone_at IS NOT NULL ORDER BY d.name"
        )
        return [(name, after) for name, after in self._webhooks.execute(query)]

    def check(self, name: str, types: Sequence[str], taken: Sequence[Taken]) -> None:
        """Hold what one receiver took to what happened; raises BrokenPromise."""
        events = {event.sequence: event for event in self.events()}
        wanted = [
            event.sequence
            for event in events.values()
            if event.type != _NOT_SENT and (not types or event.type in types)
        ]
        first: dict[int, tuple[dict[str, Any], bytes]] = {}
        last_of: dict[str, int] = {}
        for came in taken:
            told = self._verified(name, came)
            sequence = told["sequence"]
            _is_what_happened(name, told, events.get(sequence), sequence in wanted)
            if sequence in first:
                _is_the_same(name, first[sequence][1], came.body)
                continue
            first[sequence] = told, came.body
            if told["payment_id"] is not None:
                _comes_after(name, told, last_of)
        missing = [sequence for sequence in wanted if sequence not in first]
        if missing:
            seen = f"{name}: {[events[sequence] for sequence in missing[:3]]}"
            raise BrokenPromise("every event reaches every destination that lives", seen)
        _shows_no_gap(name, wanted, [told for told, _ in first.values()])

    def close(self) -> None:
        """Let go of the databases."""
        self._payments.close()
        self._webhooks.close()

    def _verified(self, name: str, came: Taken) -> dict[str, Any]:
        """Return the event of a request, whose signature is held to be right."""
        headers = came.headers
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + came.body
        digest = hmac.new(self._key, signed, hashlib.sha256).digest()
        told: dict[str, Any] = json.loads(came.body)
        apart = abs(int(headers["webhook-timestamp"]) - self._epoch_seconds - came.at)
        right = headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
        if not right or apart > _APART_SECONDS or headers["webhook-id"] != told["id"]:
            seen = f"{name}: {dict(headers)} of {told['id']}, {apart} s apart"
            raise BrokenPromise("what is sent is signed", seen)
        return told


def _event(sequence: int, uid: str, before: str | None, after: str, cause: str) -> Event:
    if cause == "deposit":
        return Event(sequence, "deposit.succeeded", None, None, None)
    failed = cause == "refused" and before == after
    kind = "refund.failed" if failed else _TYPES[after]
    return Event(sequence, kind, uid.partition(":")[2], before, after)


def _is_what_happened(
    name: str, told: Mapping[str, Any], event: Event | None, wanted: bool
) -> None:
    seen = Event(
        told["sequence"], told["type"], told["payment_id"], told.get("from"), told.get("to")
    )
    if seen != event or not wanted:
        raise BrokenPromise("no event is invented", f"{name} was told {seen}, there is {event}")


def _is_the_same(name: str, first: bytes, again: bytes) -> None:
    if first != again:
        seen = f"{name}: first {first.decode()}, and then {again.decode()}"
        raise BrokenPromise("an event has the same bytes each time", seen)


def _comes_after(name: str, told: Mapping[str, Any], last_of: dict[str, int]) -> None:
    payment, sequence = told["payment_id"], told["sequence"]
    if last_of.get(payment, 0) > sequence:
        seen = f"{name}: {sequence} of {payment} after {last_of[payment]}"
        raise BrokenPromise("the events of a payment come in their order", seen)
    last_of[payment] = sequence


def _shows_no_gap(name: str, wanted: Sequence[int], told: Sequence[Mapping[str, Any]]) -> None:
    """Hold what each event says came before it to what a receiver makes of it."""
    came = {event["sequence"] for event in told}
    named = {event["sequence"]: event["previous_sequence"] for event in told}
    lost = {before for before in named.values() if before is not None} - came
    if lost:
        raise BrokenPromise("a receiver sees no gap", f"{name} misses {sorted(lost)[:5]}")
    for before, sequence in zip([None, *wanted], wanted, strict=False):
        if named[sequence] != before:
            seen = f"{name}: {sequence} after {named[sequence]}, and not {before}"
            raise BrokenPromise("each event names the one before it", seen)

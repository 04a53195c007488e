"""What a delivery sends, and what an attempt at it means."""

import json

import pytest

from webhooks.domain.delivery import Delivery, DeliveryAttempt, delivery_id, read_delivery_id

EVENT = '{"id":"evt_1","sequence":44}'


def delivery(previous: int | None) -> Delivery:
    return Delivery(
        destination="orders",
        sequence=44,
        previous=previous,
        event_id="evt_1",
        payment_id="p1",
        event=EVENT,
        happened_at=0,
        attempts=0,
        replays=0,
    )


@pytest.mark.parametrize("previous", [None, 0, 41])
def test_the_body_is_the_event_with_the_sequence_before_it(previous: int | None) -> None:
    sent = json.loads(delivery(previous).body)
    assert sent.pop("previous_sequence") == previous
    assert sent == json.loads(EVENT)


@pytest.mark.parametrize("destination", ["orders", "eu.orders"])
def test_the_id_of_a_delivery_is_read_back(destination: str) -> None:
    assert read_delivery_id(delivery_id(destination, 44)) == (destination, 44)


@pytest.mark.parametrize(
    "text",
    ["", "orders", "orders.", ".44", "orders.4a", "orders.-4", "orders.\u0664", "o." + "9" * 19],
)
def test_what_is_no_id_of_a_delivery_is_none(text: str) -> None:
    assert read_delivery_id(text) is None


@pytest.mark.parametrize(
    ("attempt", "taken", "reason"),
    [
        (DeliveryAttempt(200), True, None),
        (DeliveryAttempt(299), True, None),
        (DeliveryAttempt(199), False, "answered 199"),
        (DeliveryAttempt(301), False, "answered 301; redirects are not followed"),
        (DeliveryAttempt(410), False, "answered 410"),
        (DeliveryAttempt(None, "cannot be reached"), False, "cannot be reached"),
    ],
)
def test_what_is_taken_and_why_not(
    attempt: DeliveryAttempt, taken: bool, reason: str | None
) -> None:
    assert (attempt.taken, attempt.reason) == (taken, reason)


@pytest.mark.parametrize(
    ("status", "retry_after", "asks"),
    [(429, 1.0, True), (503, 1.0, True), (429, None, False), (500, 1.0, False), (None, 1.0, False)],
)
def test_who_wants_to_be_left_alone(
    status: int | None, retry_after: float | None, asks: bool
) -> None:
    assert DeliveryAttempt(status, retry_after=retry_after).asks_for_rest is asks

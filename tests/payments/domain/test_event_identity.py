"""An event's id follows from what it says, and mostly its operation does, too."""

import pytest

from payments.domain.event_identity import event_id, told_operation
from payments.domain.moves import Kind, Status

EVENT = ("shop:p1", 7, "CAPTURED", "paid", 1_800_000_000_000_000)


def test_the_id_of_an_event_stays_what_it_was() -> None:
    assert event_id(*EVENT) == "evt_73f9c9564023153614e30ba201b8b1d2"


def test_another_event_in_the_same_place_has_another_id() -> None:
    others = [
        ("shop:p2", *EVENT[1:]),
        (*EVENT[:4], EVENT[4] + 1),
        (*EVENT[:2], "FAILED", *EVENT[3:]),
    ]
    assert len({event_id(*EVENT), *(event_id(*other) for other in others)}) == 4


@pytest.mark.parametrize(
    ("before", "cause", "operation"),
    [
        (None, "requested", "pay:shop:p1"),
        (Status.RECEIVED, "paid", "pay:shop:p1"),
        (Status.AUTHORIZED, Kind.CAPTURE, "capture:shop:p1"),
        (Status.AUTHORIZED, "expired", None),
        (Status.CAPTURED, Kind.REFUND, None),
    ],
)
def test_an_event_tells_its_operation_unless_there_may_be_others(
    before: str | None, cause: str, operation: str | None
) -> None:
    assert told_operation("shop:p1", before, cause) == operation

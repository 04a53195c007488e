"""How much may come in: the room that ceilings leave, and what a deposit takes of it."""

import pytest

from wallet.domain.deposits import ANY, Ceilings, Room
from wallet.domain.transfers import Code, Refusal


def test_a_currency_that_is_not_named_has_the_ceiling_of_all_others_or_none() -> None:
    ceilings = Ceilings({ANY: 5, "USD": 9}, {"USD": 9}, {ANY: 20})

    assert ceilings.room("USD", today=1, ever=2) == Room(9, 8, 18)
    assert ceilings.room("JPY", today=0, ever=20) == Room(5, 0, 0)


@pytest.mark.parametrize(
    ("room", "which"),
    [(Room(4, 9, 9), "one deposit"), (Room(9, 4, 9), "day's"), (Room(9, 9, 4), "all deposits")],
)
def test_what_does_not_fit_is_refused_and_takes_no_room(room: Room, which: str) -> None:
    before = (room.at_once, room.today, room.ever)

    with pytest.raises(Refusal, match=which) as caught:
        room.take(5)

    assert caught.value.code is Code.CEILING
    assert (room.at_once, room.today, room.ever) == before


def test_what_fits_leaves_less_for_the_day_and_for_ever() -> None:
    room = Room(5, 6, 7)

    room.take(5)

    assert room == Room(5, 1, 2)

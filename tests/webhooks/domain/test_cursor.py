"""When the feed is not the one any more that was read."""

import pytest

from webhooks.domain.cursor import Cursor, read_cursor

READ = Cursor(44, "evt_a")


@pytest.mark.parametrize(
    ("event_id", "newest", "other"),
    [
        ("evt_a", None, False),
        ("evt_a", 44, False),
        ("evt_b", None, True),
        ("", 60, True),
        ("evt_a", 43, True),
        (None, 43, True),
        (None, None, False),
    ],
)
def test_another_id_or_an_earlier_end_is_of_another_past(
    event_id: str | None, newest: int | None, other: bool
) -> None:
    assert READ.is_of_another(event_id, newest) is other


def test_an_id_that_is_not_known_tells_nothing() -> None:
    assert not Cursor(44).is_of_another("evt_b", None)
    assert not Cursor(0, "").is_of_another("", 7)


@pytest.mark.parametrize("cursor", [READ, Cursor(0, ""), Cursor(44)])
def test_what_is_stored_is_read_again(cursor: Cursor) -> None:
    assert read_cursor(cursor.sequence, cursor.mark) == cursor


def test_an_id_is_of_its_sequence_only_for_a_release_before_moves_that_alone() -> None:
    assert read_cursor(45, READ.mark) == Cursor(45)

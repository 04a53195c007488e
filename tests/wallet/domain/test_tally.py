"""Two tallies of the same legs come to the same number, in whatever order; of others to another."""

import json
from collections.abc import Sequence

import pytest

from wallet.domain.tally import Tally
from wallet.domain.transfers import Record

LEGS = (("demo/alice", "USD", -100), ("demo/bob", "USD", 100))


def record(
    transfer_id: str = "pay:demo:1",
    legs: Sequence[tuple[str, str, int]] = LEGS,
    *,
    status: str = "applied",
    content: str | None = None,
    at: int = 5,
) -> Record:
    names = ("account_id", "currency", "amount_minor")
    told = json.dumps({"postings": [dict(zip(names, leg, strict=True)) for leg in legs]})
    none = (None, None, None)
    return Record(
        transfer_id, "post", "demo", status, *none, content or told, *none, None, None, at
    )


def booked(asked: Tally, *rows: tuple[str, str, str, int, int]) -> Tally:
    other = asked.other()
    for row in rows:
        other.book(*row)
    return other


def test_the_same_legs_are_the_same_number_in_any_order() -> None:
    asked = Tally(before=10)
    asked.ask(record("a"))
    asked.ask(record("b"))
    rows = [(name, *leg, 5) for leg in LEGS for name in ("b", "a")]
    assert booked(asked, *rows).legs == asked.legs != 0
    assert asked.transfers == 2


@pytest.mark.parametrize(
    "row",
    [
        ("b", "demo/alice", "USD", -100, 5),
        ("a", "demo/carol", "USD", -100, 5),
        ("a", "demo/alice", "EUR", -100, 5),
        ("a", "demo/alice", "USD", -101, 5),
        ("a", "demo/alice", "USD", -100, 6),
    ],
)
def test_another_leg_is_another_number(row: tuple[str, str, str, int, int]) -> None:
    asked = Tally(before=10)
    asked.ask(record("a"))
    assert booked(asked, row, ("a", *LEGS[1], 5)).legs != asked.legs
    assert booked(asked, ("a", *LEGS[0], 5), ("a", *LEGS[1], 5)).legs == asked.legs


def test_what_moved_nothing_has_no_legs() -> None:
    asked = Tally(before=10)
    asked.ask(record(status="refused"))
    asked.ask(record(legs=[("demo/alice", "USD", 0)]))
    assert (asked.transfers, asked.legs) == (2, 0)


def test_what_was_asked_for_before_all_was_archived_is_a_transfer_without_legs() -> None:
    asked = Tally(before=10, since=5)
    asked.ask(record("archived", at=4))
    assert (asked.transfers, asked.legs) == (1, 0)
    asked.ask(record("a", at=5))
    assert booked(asked, *[("a", *leg, 5) for leg in LEGS]).legs == asked.legs != 0


def test_what_is_younger_is_counted_in_neither() -> None:
    asked = Tally(before=5)
    asked.ask(record(at=5))
    assert (asked.transfers, asked.legs) == (0, 0)
    assert booked(asked, ("a", *LEGS[0], 5)).legs == 0


@pytest.mark.parametrize(
    "content",
    [
        "no JSON", "[]", '{"postings": [{}]}', '{"postings": null}',
        '{"postings":[{"account_id":"\\ud800","currency":"USD","amount_minor":1}]}',
        "[" * 100_000 + "]" * 100_000,
    ],
)  # fmt: skip
def test_a_content_that_cannot_be_read_is_like_no_posting(content: str) -> None:
    asked = Tally(before=10)
    asked.ask(record(content=content))
    assert asked.legs != 0


def test_nobody_knows_the_number_of_a_leg_beforehand() -> None:
    one, other = Tally(before=10), Tally(before=10)
    for tally in (one, other):
        tally.ask(record())
    assert one.legs != other.legs

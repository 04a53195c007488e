"""Which heads are kept: minutes, then hours, and never more than a ConfigMap holds."""

from functools import cache
from itertools import pairwise

from kurs.kernel.clock import MICROS
from kurs_operator.heads import LONGEST_WORD, MAX_BYTES, KeptHead, history, read_heads

MINUTE, HOUR = 60 * MICROS, 3600 * MICROS
START = 1_767_225_600 * MICROS
LONG = 75 * 60
"""Minutes, and more hours than are kept."""


def head(at: int, word: str = "") -> KeptHead:
    return KeptHead(at, f"kurs-head.{at:x}{word}.s")


@cache
def kept(minutes: int, word: str = "") -> tuple[KeptHead, ...]:
    """Return what is kept after so long: a head an hour, and one a minute for the last 5 hours."""
    text = ""
    for minute in range(minutes):
        if minute % 60 and minute < minutes - 300:
            continue
        now = START + minute * MINUTE
        text = history([read_heads(text)], head(now, word), now)
    return tuple(read_heads(text))


def test_the_last_hour_is_there_by_the_minute_and_days_by_the_hour():
    found = kept(LONG)
    newest = START + (LONG - 1) * MINUTE

    assert [h.at for h in found] == sorted(h.at for h in found)
    recent = [h.at for h in found if newest - h.at < HOUR]
    assert recent == [newest - n * MINUTE for n in range(59, -1, -1)]
    older = [h.at for h in found if newest - h.at >= HOUR]
    assert [b - a for a, b in pairwise(older)] == [HOUR] * (len(older) - 1)
    assert 70 <= len(older) <= 72


def test_what_is_kept_of_an_hour_stays_the_same():
    assert {h for h in kept(300) if h.at < START + 3 * HOUR} <= set(kept(240))


def test_every_slot_has_room_for_the_longest_word():
    word = "w" * (LONGEST_WORD - 40)
    found = kept(LONG, word)

    assert [h.at for h in found] == [h.at for h in kept(LONG)]
    assert sum(len(h.line()) for h in found) <= MAX_BYTES


def test_the_newest_has_room_and_so_has_the_past_whatever_lies_ahead():
    past, newest = head(START - MINUTE), head(START)
    ahead = [head(START + n * MINUTE, "w" * (LONGEST_WORD - 40)) for n in range(1, 300)]
    text = history([[past, *ahead]], newest, START)

    assert len(text) <= MAX_BYTES
    assert list(read_heads(text))[:2] == [past, newest]


def test_no_head_makes_the_others_old():
    there = [head(START - n * MINUTE) for n in range(60)]
    far = head(START + 10 * 365 * 24 * HOUR)

    assert set(read_heads(history([there], far, START))) == {*there, far}


def test_a_clock_that_went_back_drops_nothing():
    there = [head(START + n * HOUR) for n in range(1, 100)]

    assert set(read_heads(history([there], head(START), START))) == {*there, head(START)}


def test_of_two_of_one_minute_the_newest_is_there():
    first, second = head(START), head(START + 7 * MICROS)

    assert list(read_heads(history([[first]], second, second.at))) == [second]


def test_a_head_of_a_later_source_takes_no_slot():
    true, planted = head(START + 30 * MINUTE), head(START, "planted")
    for now in (START + 50 * MINUTE, START + 5 * HOUR):
        found = list(read_heads(history([[true], [planted]], head(now), now)))
        assert true in found
    assert planted not in found


def test_what_is_no_head_is_left_out():
    lines = (
        "", "kurs-head.a.b", "yesterday kurs-head.a.b", f"{'9' * 99} kurs-head.a.b",
        "9999-12-31T23:59:59-23:59 kurs-head.a.b", "0001-01-01T00:00:00+23:59 kurs-head.a.b",
        f"2026-01-01T00:00:00Z kurs-head.{'a' * LONGEST_WORD}.b",
    )  # fmt: skip
    there = read_heads("\n".join(lines))

    assert history([there], head(START), START) == head(START).line()

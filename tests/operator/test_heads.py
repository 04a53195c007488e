"""Which heads are kept: minutes, then hours, and never more than a ConfigMap holds."""

from itertools import pairwise

from kurs.kernel.clock import MICROS
from kurs_operator.heads import LONGEST_WORD, MAX_BYTES, KeptHead, history, read_heads

MINUTE, HOUR = 60 * MICROS, 3600 * MICROS
START = 1_767_225_600 * MICROS


def head(at: int, word: str = "") -> KeptHead:
    return KeptHead(at, f"kurs-head.{at:x}{word}.s")


def kept(minutes: int, word: str = "") -> list[KeptHead]:
    """Return what is kept after a head a minute for so long."""
    text = ""
    for minute in range(minutes):
        text = history(read_heads(text), head(START + minute * MINUTE, word))
    return list(read_heads(text))


def test_the_last_hour_is_there_by_the_minute_and_days_by_the_hour():
    found = kept(5 * 24 * 60)
    newest = START + (5 * 24 * 60 - 1) * MINUTE

    assert [h.at for h in found] == sorted(h.at for h in found)
    recent = [h.at for h in found if newest - h.at < HOUR]
    assert recent == [newest - n * MINUTE for n in range(59, -1, -1)]
    older = [h.at for h in found if newest - h.at >= HOUR]
    assert [b - a for a, b in pairwise(older)] == [HOUR] * (len(older) - 1)
    assert 70 <= len(older) <= 72


def test_what_is_kept_of_an_hour_stays_the_same():
    assert {h for h in kept(300) if h.at < START + 3 * HOUR} <= set(kept(240))


def test_the_newest_has_room_whatever_the_others_take():
    found = kept(200, "w" * (LONGEST_WORD - 200))

    assert sum(len(h.line()) for h in found) <= MAX_BYTES
    assert found[-1].at == START + 199 * MINUTE
    assert len(found) > 20


def test_of_two_of_one_minute_the_newest_is_there():
    first, second = head(START), head(START + 7 * MICROS)

    assert list(read_heads(history([first], second))) == [second]


def test_what_is_no_head_is_left_out_and_so_is_what_is_to_come():
    lines = (
        "", "kurs-head.a.b", "yesterday kurs-head.a.b", f"{'9' * 99} kurs-head.a.b",
        f"2026-01-01T00:00:00Z kurs-head.{'a' * LONGEST_WORD}.b", head(START + HOUR).line(),
    )  # fmt: skip
    there = read_heads("\n".join(lines))

    assert history(there, head(START)) == head(START).line()

"""Which signed heads of the ledger are kept: one a minute for an hour, one an hour before. Pure.

They are lines of text, `<moment> kurs-head.<payload>.<signature>`, the newest last. Nothing is
verified here: the operator has no key, and `python -m wallet verify --head` does it.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from kurs.kernel.clock import MICROS, from_rfc3339, to_rfc3339

WORD = r"kurs-head\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+"
LONGEST_WORD = 3584
"""Seventeen chains, with numbers as long as they can be, make 3 KiB."""
MAX_BYTES = 512 * 1024
"""A ConfigMap holds twice as much; the longest word in each slot of the past takes less."""
_LINE = re.compile(rf"(\S{{1,40}}) ({WORD})")
_MINUTE, _HOUR = 60 * MICROS, 3600 * MICROS
_BY_HOUR = 72 * _HOUR


class KeptHead(NamedTuple):
    """A signed head, and when it was true (microseconds)."""

    at: int
    word: str

    def line(self) -> str:
        """Return it as a line."""
        return f"{to_rfc3339(self.at)} {self.word}\n"


def read_heads(text: str) -> Iterator[KeptHead]:
    """Yield the heads of a text; a line that is none is left out."""
    for line in text.splitlines():
        found = _LINE.fullmatch(line)
        if found is None or len(found[2]) > LONGEST_WORD:
            continue
        try:
            head = KeptHead(from_rfc3339(found[1]), found[2])
            # An offset can take a moment beyond the years that can be written.
            head.line()
        except (ValueError, OverflowError):
            continue
        yield head


def history(sources: Iterable[Iterable[KeptHead]], newest: KeptHead, now: int) -> str:
    """Return the heads of `sources` with the newest one as text, as many as are kept and have room.

    What stands in an earlier source has its slot before what stands in a later one.
    `now` is the reader's own clock: a moment that a head states makes none of the others old. What
    lies ahead of it stays, as the clock may have been set back, and is the first to lack room.
    """
    slot_of_newest = (_MINUTE, newest.at // _MINUTE)
    by_slot: dict[tuple[int, int], KeptHead] = {slot_of_newest: newest}
    # The first of an hour stays when the minutes after it go.
    for head in chain.from_iterable(sorted(set(heads)) for heads in sources):
        age = now - head.at
        if age < _BY_HOUR:
            width = _MINUTE if age < _HOUR else _HOUR
            by_slot.setdefault((width, head.at // width), head)
    others = [head for slot, head in by_slot.items() if slot != slot_of_newest]
    others.sort(key=lambda head: (head.at > now, abs(now - head.at)))
    kept, room = [newest], MAX_BYTES - len(newest.line())
    for head in others:
        room -= len(head.line())
        if room < 0:
            break
        kept.append(head)
    return "".join(head.line() for head in sorted(kept))

"""Which signed heads of the ledger are kept: one a minute for an hour, one an hour before. Pure.

They are lines of text, `<moment> kurs-head.<payload>.<signature>`, the newest last. Nothing is
verified here: the operator has no key, and `python -m wallet verify --head` does it.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from kurs.kernel.clock import MICROS, from_rfc3339, to_rfc3339

WORD = r"kurs-head\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+"
LONGEST_WORD = 16 * 1024
"""Seventeen chains, with numbers as long as they can be, make 3 KiB."""
MAX_BYTES = 512 * 1024
"""A ConfigMap holds twice as much."""
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
        if found is None or len(line) > LONGEST_WORD:
            continue
        try:
            yield KeptHead(from_rfc3339(found[1]), found[2])
        except ValueError:
            continue


def history(heads: Iterable[KeptHead], newest: KeptHead) -> str:
    """Return `heads` with the newest one as text, as many as are kept and have room."""
    by_slot: dict[tuple[int, int], KeptHead] = {}
    # The first of an hour stays when the minutes after it go.
    for head in sorted({*heads, newest}):
        age = newest.at - head.at
        if 0 <= age < _BY_HOUR:
            width = _MINUTE if age < _HOUR else _HOUR
            by_slot.setdefault((width, head.at // width), head)
    by_slot.pop((_MINUTE, newest.at // _MINUTE))
    lines = [head.line() for head in sorted(by_slot.values())] + [newest.line()]
    room = MAX_BYTES
    for index in range(len(lines) - 1, -1, -1):
        room -= len(lines[index])
        if room < 0:
            return "".join(lines[index + 1 :])
    return "".join(lines)

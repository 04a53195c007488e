"""Leaves out what a document has no room for: the last in rank first, each of them alone. Pure.

Otherwise one resource too many would keep every later edit of all others out of force.
"""

from collections.abc import Callable, Sequence
from itertools import accumulate, takewhile
from typing import TypeVar

from kurs.config.resources import MAX_WINDOWS, ConfiguredThreshold, Document
from kurs_operator.entries import Entry
from kurs_operator.ruling import Reason, Ruling

MAX_DOCUMENT_BYTES = 1_000_000
"""A ConfigMap holds 1 MiB; the rest is room for its metadata."""

DocumentT = TypeVar("DocumentT", bound=Document)


def within_windows(entries: Sequence[Entry], rulings: list[Ruling]) -> list[Entry]:
    """Leave out the last thresholds that want more lengths of windows than risk reads."""
    known: set[int] = set()
    kept: list[Entry] = []
    for entry in sorted(entries, key=lambda e: e.rank):
        part = entry.part
        rules = part.spec.velocity if isinstance(part, ConfiguredThreshold) else ()
        wanted = known | {rule.window for rule in rules}
        if len(wanted) <= MAX_WINDOWS:
            known = wanted
            kept.append(entry)
            continue
        message = (
            f"with those before it, its velocity rules have windows of {len(wanted)} lengths, more "
            f"than {MAX_WINDOWS}; use lengths that other thresholds use"
        )
        rulings.append(Ruling(entry.identity, Reason.TOO_LARGE, message))
    return kept


def within_size(
    entries: Sequence[Entry],
    build: Callable[[Sequence[Entry]], DocumentT],
    rulings: list[Ruling],
) -> tuple[DocumentT, list[Entry]]:
    """Return the document of as many entries as fit, by rank, and these entries."""
    ranked = sorted(entries, key=lambda e: e.rank)
    # Written with indents, each is longer yet: what does not fit bare need not be tried.
    sizes = accumulate(len(entry.text) for entry in ranked)
    most = sum(1 for _ in takewhile(lambda size: size <= MAX_DOCUMENT_BYTES, sizes))
    least, document = 0, build(ranked[:most])
    if not _fits(document):
        while most - least > 1:
            half = (least + most) // 2
            least, most = (half, most) if _fits(build(ranked[:half])) else (least, half)
        most, document = least, build(ranked[:least])
    rulings.extend(_left_out(entry) for entry in ranked[most:])
    return document, ranked[:most]


def _fits(document: Document) -> bool:
    return len(document.to_json()) <= MAX_DOCUMENT_BYTES


def _left_out(entry: Entry) -> Ruling:
    message = (
        f"with those of higher rank the document would have more than {MAX_DOCUMENT_BYTES} bytes; "
        "shorten lists, or delete or suspend what is not needed"
    )
    return Ruling(entry.identity, Reason.TOO_LARGE, message)

"""Which entries belong in a document: names, suspension, windows of time, and conflicts. Pure."""

from collections.abc import Iterable, Iterator, Sequence

from kurs.kernel.clock import to_rfc3339
from kurs_operator.conflicts import conflict
from kurs_operator.entries import Entry
from kurs_operator.ruling import Reason, Ruling


def changes(entries: Iterable[Entry], now: int) -> list[int]:
    """Return the moments after `now` at which an entry comes into force or expires."""
    moments = [
        moment
        for entry in entries
        if not entry.timed.suspend
        for moment in (entry.timed.effective_from, entry.timed.effective_until)
    ]
    return [moment for moment in moments if moment is not None and moment > now]


def admit(entries: Sequence[Entry], now: int, rulings: list[Ruling]) -> list[Entry]:
    """Return the entries that belong in the document; append the rulings on the others.

    A loser does not make losers itself: each entry is held against those already admitted. One
    that is not yet effective is admitted, since services open and close windows to the second and
    without us, but it drives nobody out before its time.
    """
    admitted: list[Entry] = []
    coming: list[Entry] = []
    for entry in first_of_each_name(sorted(entries, key=lambda e: e.rank), rulings):
        spec = entry.timed
        if spec.suspend:
            rulings.append(Ruling(entry.identity, Reason.SUSPENDED, "spec.suspend is true"))
        elif spec.effective_until is not None and now >= spec.effective_until:
            message = f"was in force until {to_rfc3339(spec.effective_until)}"
            rulings.append(Ruling(entry.identity, Reason.EXPIRED, message))
        elif spec.effective_from is not None and now < spec.effective_from:
            coming.append(entry)
        elif lost := _lost(entry, admitted):
            rulings.append(lost)
        else:
            admitted.append(entry)
    both = admitted + coming
    return admitted + [entry.with_ruling(_announced(entry, both)) for entry in coming]


def first_of_each_name(ranked: Iterable[Entry], rulings: list[Ruling]) -> Iterator[Entry]:
    """Yield the entries whose names are not taken; append the rulings on the others."""
    named: set[tuple[str, str, str]] = set()
    for entry in ranked:
        if entry.identity.key in named:
            name = str(entry.identity)
            message = f"{name} is defined more than once; give this one another metadata.name"
            rulings.append(Ruling(entry.identity, Reason.CONFLICTED, message, winner=name))
        else:
            named.add(entry.identity.key)
            yield entry


def _lost(entry: Entry, earlier: Iterable[Entry]) -> Ruling | None:
    """Return the ruling on an entry that contradicts one before it, or None."""
    for winner in earlier:
        found = conflict(winner.claim, entry.claim)
        if found is not None:
            name = str(winner.identity)
            message = f"{name} wins because {_precedence(winner, entry)}: {found}"
            return Ruling(entry.identity, Reason.CONFLICTED, message, winner=name)
    return None


def _announced(entry: Entry, others: Iterable[Entry]) -> Ruling:
    """Return the ruling on an entry that is not yet effective, with the conflict it will meet."""
    start = entry.timed.effective_from
    assert start is not None
    then = (
        other
        for other in others
        if other.rank < entry.rank
        and (other.timed.effective_from or 0) <= start
        and (other.timed.effective_until is None or other.timed.effective_until > start)
    )
    lost = _lost(entry, then)
    message = f"comes into force at {to_rfc3339(start)}"
    if lost is not None:
        message += f", but then {lost.message}"
    return Ruling(entry.identity, Reason.NOT_YET_EFFECTIVE, message)


def _precedence(winner: Entry, loser: Entry) -> str:
    if winner.priority != loser.priority:
        return "its priority is higher"
    if winner.created != loser.created:
        return "it is older"
    return "its name comes first"

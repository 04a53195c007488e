"""How far the feed was read, and whether it is still the feed that was read."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cursor:
    """The sequence that was read last, and the id of the event there.

    An empty id says that there is none, None that it is not known.
    """

    sequence: int
    event_id: str | None = None

    def is_of_another(self, event_id: str | None, newest: int | None) -> bool:
        """Tell whether payments was set back to what it knew long ago, whatever happened since.

        `event_id` is what it has at our sequence now, `newest` its newest sequence; None: not said.
        """
        if newest is not None and newest < self.sequence:
            return True
        return None not in (self.event_id, event_id) and self.event_id != event_id

    @property
    def mark(self) -> str | None:
        """What is stored of the id: with its sequence, which a release before moves alone."""
        return None if self.event_id is None else f"{self.sequence}:{self.event_id}"


def read_cursor(sequence: int, mark: str | None) -> Cursor:
    """Return the cursor of what is stored."""
    place, _, event_id = (mark or "").partition(":")
    return Cursor(sequence, event_id if place == str(sequence) else None)

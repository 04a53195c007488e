"""Where a page ends, as text that callers give back unchanged."""

import base64
import binascii

from kurs.kernel.errors import CursorInvalid

Place = tuple[int, str]
"""A moment (microseconds since the epoch), and the id that tells those of one moment apart."""


def write_cursor(place: Place | None) -> str | None:
    """Return the cursor of a place; None for none."""
    if place is None:
        return None
    at, name = place
    return base64.urlsafe_b64encode(f"{at}|{name}".encode()).decode()


def read_cursor(cursor: str | None) -> Place | None:
    """Return the place of a cursor, None for none; raises CursorInvalid."""
    if cursor is None:
        return None
    try:
        created_at, name = base64.urlsafe_b64decode(cursor.encode()).decode().split("|")
        at = int(created_at)
    except (ValueError, binascii.Error):
        raise CursorInvalid from None
    # The database could take neither: a number beyond 64 bits, and text with a NUL in it.
    if not 0 <= at < 2**63 or "\0" in name:
        raise CursorInvalid
    return at, name

"""Where a page of deliveries ends, as text that callers give back unchanged.

One event goes to several destinations, so that it names the event's sequence and the destination. A
sequence alone is taken, too: what came before that event.
"""

import base64
import binascii

from kurs.kernel.errors import CursorInvalid
from webhooks.store.reads import Place


def write_cursor(place: Place) -> str:
    """Return the cursor of a place."""
    text = f"{place.sequence}|{place.destination}"
    return base64.urlsafe_b64encode(text.encode()).decode()


def read_cursor(cursor: str | None) -> Place | None:
    """Return the place of a cursor, None for none; raises CursorInvalid."""
    if cursor is None:
        return None
    try:
        if cursor.isascii() and cursor.isdigit():
            place = Place(int(cursor))
        else:
            sequence, destination = base64.urlsafe_b64decode(cursor.encode()).decode().split("|")
            place = Place(int(sequence), destination)
    except (ValueError, binascii.Error):
        raise CursorInvalid("before") from None
    # The database could take neither: a number beyond 64 bits, and text with a NUL in it.
    if not 0 <= place.sequence < 2**63 or "\0" in (place.destination or ""):
        raise CursorInvalid("before")
    return place

"""Where a page of entries ends, as text that callers give back unchanged.

It carries what the account had there, so that the running balance goes on without a sum over all
that is newer. A release before this one gave the entry's number alone.
"""

import base64
import binascii
import json
from typing import Any

from kurs.kernel.errors import CursorInvalid
from kurs.kernel.money import exponent
from wallet.account_reads import Behind

_BOUND = 2**63


def write_cursor(behind: Behind | None) -> str | None:
    """Return the cursor of a place; None for none."""
    if behind is None:
        return None
    if behind.posted is None:
        return str(behind.entry_id)
    text = json.dumps([behind.entry_id, behind.posted], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(cursor: str | None) -> Behind | None:
    """Return the place of a cursor, None for none; raises CursorInvalid."""
    if cursor is None:
        return None
    if cursor.isdigit():
        return Behind(_bounded(int(cursor)), None)
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        entry_id, posted = json.loads(base64.urlsafe_b64decode(padded))
        return Behind(
            _bounded(entry_id), {_currency(c): _bounded(minor) for c, minor in posted.items()}
        )
    except (ValueError, TypeError, AttributeError, binascii.Error, RecursionError):
        raise CursorInvalid from None


def _bounded(number: Any) -> int:
    if type(number) is not int or not -_BOUND <= number < _BOUND:
        raise CursorInvalid
    return number


def _currency(code: str) -> str:
    exponent(code)
    return code

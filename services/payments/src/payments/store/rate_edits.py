"""Who edited each revision of the rates; fx tells it of the one in force alone."""

from typing import NamedTuple

from sqlalchemy import Connection, select

from kurs.data.bulk import insert_rows
from kurs.kernel.clock import MICROS
from payments.store.tables import rate_edits

_SKEW_MICROS = 10 * MICROS


class RateEdit(NamedTuple):
    """The newest edit of a revision when it was seen; `edited_at` is in microseconds."""

    revision: str
    edited_at: int
    source: str
    edited_by: str


def record_edit(connection: Connection, edit: RateEdit) -> None:
    """Keep an edit, unless it is kept already."""
    insert_rows(connection, rate_edits, RateEdit._fields, [edit], skip_existing=True)


def edit_of(connection: Connection, revision: str, at: int) -> RateEdit | None:
    """Return who had edited a revision last at a moment, None where that was not seen.

    A revision may come back by another hand. Clocks of the API server and of payments differ by
    some seconds.
    """
    columns = [rate_edits.c[name] for name in RateEdit._fields]
    query = select(*columns).where(rate_edits.c.revision == revision)
    query = query.where(rate_edits.c.edited_at <= at + _SKEW_MICROS)
    found = connection.execute(query.order_by(rate_edits.c.edited_at.desc()).limit(1)).first()
    return None if found is None else RateEdit(*found)

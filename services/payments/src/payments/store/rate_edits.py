"""Who edited each revision of the rates; fx tells it of the one in force alone."""

from typing import NamedTuple

from sqlalchemy import Connection, select

from kurs.data.bulk import insert_rows
from payments.store.tables import rate_edits

_LOOKED_AT = 100


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
    """Return who had edited a revision last at a moment, as far as it is known.

    A revision may come back by another hand. One whose first edit is dated later, since clocks
    differ, has that one.
    """
    columns = [rate_edits.c[name] for name in RateEdit._fields]
    query = select(*columns).where(rate_edits.c.revision == revision)
    newest = query.order_by(rate_edits.c.edited_at.desc()).limit(_LOOKED_AT)
    known = [RateEdit(*row) for row in connection.execute(newest)]
    before = (edit for edit in known if edit.edited_at <= at)
    return next(before, known[-1] if known else None)

"""The last good version of each file of destinations: what holds while the file cannot be read."""

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, delete, select

from kurs.data.bulk import insert_rows, is_any_of, update_rows
from webhooks.store.tables import kept_destinations


def keep(
    connection: Connection, good: Mapping[str, str], present: Collection[str] | None
) -> Mapping[str, str]:
    """Keep these contents by file, and return all that are kept.

    Those of files that are not `present` any more are forgotten: they were removed on purpose.
    None says that nobody knows which there are.
    """
    files = kept_destinations.c
    stored = {r.file: r.content for r in connection.execute(select(files.file, files.content))}
    gone = [] if present is None else sorted(stored.keys() - set(present))
    if gone:
        removed = is_any_of(connection, files.file, gone)
        connection.execute(delete(kept_destinations).where(removed))
    added = [(file, good[file]) for file in sorted(good.keys() - stored.keys())]
    # Another replica may add the same at the same time.
    insert_rows(connection, kept_destinations, ("file", "content"), added, skip_existing=True)
    edited = [(file, good[file]) for file in sorted(good) if stored.get(file) != good[file]]
    update_rows(connection, kept_destinations, ("file",), ("content",), edited)
    return {file: text for file, text in {**stored, **good}.items() if file not in gone}

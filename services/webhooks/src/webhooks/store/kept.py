"""The last good document of destinations: what holds while a replica finds none, or a wrong one."""

from sqlalchemy import Connection, select

from kurs.config.resources import FILE_NAME
from kurs.data.database import insert
from webhooks.store.tables import kept_destinations


def keep(connection: Connection, content: str) -> None:
    """Keep a document in place of the one before."""
    row = insert(connection, kept_destinations).values(file=FILE_NAME, content=content)
    new = {"content": content}
    connection.execute(row.on_conflict_do_update(index_elements=["file"], set_=new))


def last(connection: Connection) -> str | None:
    """Return the document that was kept last, None without one."""
    kept = kept_destinations.c
    query = select(kept.content).where(kept.file == FILE_NAME)
    content: str | None = connection.execute(query).scalar()
    return content

"""Writes what the next release would have stored, whose tables take more words than today's."""

from sqlalchemy import Connection, text

from kurs.data.database import Database

_CHECKS = """
    SELECT conrelid::regclass::text, conname FROM pg_constraint
    WHERE contype = 'c' AND connamespace = 'public'::regnamespace AND coninhcount = 0"""
_TRIGGERS = "SELECT name FROM sqlite_master WHERE type = 'trigger'"


async def store_as_later(database_url: str, statement: str) -> None:
    """Execute a statement without the checks and triggers of this release, which are gone then.

    The database is the test's own.
    """
    database = Database.open(database_url)
    try:
        await database.write(lambda connection: _write(connection, statement))
    finally:
        await database.close()


def _write(connection: Connection, statement: str) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
        for (name,) in connection.execute(text(_TRIGGERS)).all():
            connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
    else:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        for table, name in connection.execute(text(_CHECKS)).all():
            connection.exec_driver_sql(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
    connection.execute(text(statement.replace(":", r"\:")))

"""Writing past the rows of destinations that somebody keeps locked: what needs none goes on."""

from typing import Protocol

from sqlalchemy import Connection

from kurs.data.database import Database
from kurs.data.failures import DatabaseBlocked

_PATIENCE_SECONDS = 0.3
"""Whoever records what was sent keeps a row locked for milliseconds: that is worth to wait for."""


class Passing(Protocol):
    """Work that leaves out what is locked, if it is told to."""

    def __call__(self, connection: Connection, *, pass_locked: bool) -> bool: ...


async def past_locked(database: Database, work: Passing, *, at_once: bool = False) -> bool:
    """Write, without what is locked if it stays so, or `at_once`; return what `work` returns."""
    if not at_once:
        try:
            return await database.write(
                lambda c: work(c, pass_locked=False), lock_seconds=_PATIENCE_SECONDS
            )
        except DatabaseBlocked:
            pass
    return await database.write(lambda c: work(c, pass_locked=True))

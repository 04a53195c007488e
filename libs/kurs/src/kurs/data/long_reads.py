"""Reads that may go over much of a table: few at once, so that the rest is served meanwhile.

An export or a count holds a connection for as long as a statement may take. Where many of them ran
at once, no connection would be left for what moves money.
"""

import asyncio
from typing import TypeVar

from kurs.data.database import Database, Work
from kurs.kernel.errors import Overloaded

Returned = TypeVar("Returned")

_AT_ONCE = {"sqlite": 1, "postgresql": 2}
"""How many run at once in a process: SQLite has two threads that read, PostgreSQL 8 connections."""
_WAIT_SECONDS = 2.0


class LongReads:
    """Reads of one database that wait for one of a few places."""

    def __init__(self, database: Database, *, wait_seconds: float = _WAIT_SECONDS) -> None:
        self._database = database
        self._wait_seconds = wait_seconds
        self._places = asyncio.Semaphore(_AT_ONCE[database.dialect])

    async def begin(self, work: Work[Returned]) -> Returned:
        """Read what an answer begins with; raises Overloaded when no place is free for a while."""
        try:
            await asyncio.wait_for(self._places.acquire(), self._wait_seconds)
        except TimeoutError:
            raise Overloaded(
                "too many exports are under way; this one was not started",
                headers={"Retry-After": "5"},
            ) from None
        try:
            return await self._database.read(work)
        finally:
            self._places.release()

    async def go_on(self, work: Work[Returned]) -> Returned:
        """Read a further part, however long it waits: what has begun is not broken off."""
        async with self._places:
            return await self._database.read(work)

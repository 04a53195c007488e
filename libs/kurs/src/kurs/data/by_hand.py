"""A service's database for a command that a person runs: what goes wrong with it is a sentence."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from kurs.data.address import read_address
from kurs.data.database import Database
from kurs.data.failures import DatabaseUnavailable
from kurs.data.limits import Limits
from kurs.data.migrations import require_schema
from kurs.kernel.settings import CannotRun


@asynccontextmanager
async def opened(url: str, versions: Path, limits: Limits | None = None) -> AsyncIterator[Database]:
    """Open a database that has a schema which this program can read; raises CannotRun."""
    database = Database.open(url, limits=limits)
    try:
        await require_schema(database, versions)
        yield database
    except (DatabaseUnavailable, DBAPIError, OSError) as error:
        why = " ".join(str(getattr(error, "orig", None) or error).split())
        raise CannotRun(f"{read_address(url).place}: {why}") from error
    finally:
        await database.close()

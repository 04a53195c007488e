"""A service's own database: its schema at the start, and readiness while it takes writes."""

from pathlib import Path
from typing import TypeVar

from kurs.data.database import Database
from kurs.data.limits import DatabaseSettings
from kurs.data.migrations import ensure_schema
from kurs.service.composition import Service

_LOOK_SECONDS = 1.0
_RETRY_SECONDS = 0.25
_TOLERATED = 1
"""One connection may be of no use; the next look takes another."""
SettingsT = TypeVar("SettingsT", bound=DatabaseSettings)


def keep_database(service: Service[SettingsT], versions: Path) -> Database:
    """Return the database of the settings, open until the parts that use it have ended.

    The service is ready while the database takes writes; it is asked every second, sooner again
    after a failure, and two looks in a row must fail. Raises UrlUnfit.
    """
    settings = service.settings
    url, limits = settings.database_url, settings.database_limits()
    database = service.add(Database.open(url, service.telemetry, limits), kind=Database)
    service.at_end(database.close)
    service.at_start(lambda: ensure_schema(database, url, versions))
    looks = service.beat(
        "database",
        database.ping,
        seconds=_LOOK_SECONDS,
        retry_seconds=_RETRY_SECONDS,
        tolerated=_TOLERATED,
    )
    service.needs("database", lambda: looks.healthy)
    return database

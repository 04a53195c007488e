"""A service's own database: its schema at the start, and readiness while it answers."""

from pathlib import Path

from kurs.data.database import Database
from kurs.data.migrations import ensure_schema
from kurs.service.composition import Service, SettingsT

_LOOK_SECONDS = 5.0
_RETRY_SECONDS = 1.0


def keep_database(service: Service[SettingsT], url: str, versions: Path) -> Database:
    """Return the database at `url`, open until the parts that use it have ended.

    The service is ready while the database answers; it is asked every few seconds, sooner again
    after a failure. Raises ValueError for a URL that is neither of the two kinds.
    """
    database = service.add(Database.open(url, service.telemetry), kind=Database)
    service.at_end(database.close)
    service.at_start(lambda: ensure_schema(database, url, versions))
    looks = service.beat(
        "database",
        database.ping,
        seconds=_LOOK_SECONDS,
        retry_seconds=_RETRY_SECONDS,
        tolerated=0,
    )
    service.needs("database", lambda: looks.healthy)
    return database

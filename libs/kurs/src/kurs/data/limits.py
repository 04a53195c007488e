"""How much of a database, and of its time, one process takes: settings with their defaults."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from kurs.kernel.files import read_whole
from kurs.kernel.settings import CannotRun, ServiceSettings


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one process's work with its database; times in seconds."""

    connections: int = 8
    pool_seconds: float = 2.0
    connect_seconds: float = 3.0
    lock_seconds: float = 0.5
    statement_seconds: float = 3.0

    @property
    def silence_seconds(self) -> float:
        """After which a server that says nothing of a transaction is given up."""
        return self.statement_seconds + 1.0


_DEFAULT = Limits()
WHOLE_SECONDS = 900.0
"""What a statement may take that reads a whole table, in the background or for a person: 25 µs a
transfer, for 36 million of them."""
_DAY_SECONDS = 86_400.0
UNHURRIED = Limits(connect_seconds=30.0, lock_seconds=60.0, statement_seconds=_DAY_SECONDS)
"""Of a command that a person runs, waits for, and may end: a ledger of any size is read whole."""


class DatabaseSettings(ServiceSettings):
    """The settings of a service that has a database."""

    database_url: str = ""
    """Of the service's database: `sqlite:///var/x.db`, or `postgresql://` as others write it, with
    `sslmode`, `sslrootcert` and several hosts if need be."""
    database_url_file: Path | None = None
    """Holds the URL where none is set: in a cluster a mounted Secret."""
    database_service_role: str = ""
    """Whom `migrate` lets work with the tables, and change nothing else; on PostgreSQL only."""
    database_connections: int = Field(default=_DEFAULT.connections, ge=2)
    """The most that a process opens to PostgreSQL; half of them stay open. Times the most replicas
    of all services with one server, this must stay below its `max_connections`."""
    database_pool_seconds: float = Field(default=_DEFAULT.pool_seconds, gt=0)
    """How long to wait for one of them; then 503."""
    database_connect_seconds: float = Field(default=_DEFAULT.connect_seconds, gt=0)
    """How long to wait for the server to let a connection in; then the next try, or 503."""
    database_lock_seconds: float = Field(default=_DEFAULT.lock_seconds, gt=0)
    """How long a statement waits for a row that another transaction keeps. What met one goes on
    without it; what needs it is answered 503."""
    database_statement_seconds: float = Field(default=_DEFAULT.statement_seconds, gt=0)
    """How long a statement may take; one second later its connection is given up, too."""

    @model_validator(mode="before")
    @classmethod
    def _url_in_a_file(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Read the URL of the database from the file that holds it; raises CannotRun."""
        file = given.get("database_url_file")
        if not file or given.get("database_url"):
            return given
        try:
            return {**given, "database_url": read_whole(Path(file)).decode().strip()}
        except (OSError, UnicodeDecodeError) as error:
            raise CannotRun(f"no URL of a database in {file}: {error}") from None

    def database_limits(self) -> Limits:
        """Return the bounds of the process's work with its database."""
        return Limits(
            self.database_connections,
            self.database_pool_seconds,
            self.database_connect_seconds,
            self.database_lock_seconds,
            self.database_statement_seconds,
        )

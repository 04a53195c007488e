"""A primary that is killed: what it had committed is found where it was, at its heir."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from devstack.postgres import EmbeddedPostgres
from loadtest import faults
from loadtest.primary import followed

pytestmark = pytest.mark.postgres


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that a server which runs as another user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="kurs-primary-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_its_heir_has_all_that_was_committed_and_takes_writes(place: Path) -> None:
    server = EmbeddedPostgres(place / "data")
    socket = server.url("postgres").partition("host=")[2]

    async def ask(*statements: str) -> list[int]:
        connection = await asyncpg.connect(host=socket, user="postgres", database="postgres")
        try:
            for statement in statements:
                await connection.execute(statement)
            return [row["n"] for row in await connection.fetch("SELECT n FROM kept ORDER BY n")]
        finally:
            await connection.close()

    try:
        assert asyncio.run(ask("CREATE TABLE kept (n integer)")) == []
        with followed(place / "data", Path(socket)) as pair:
            asyncio.run(ask("INSERT INTO kept VALUES (1)"))
            pair.switch()

            assert asyncio.run(ask("INSERT INTO kept VALUES (2)")) == [1, 2]
    finally:
        server.stop()


@pytest.mark.parametrize("seconds", ["-1", "0", "inf", "soon"])
def test_a_time_that_is_none_is_refused_in_a_line(
    seconds: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["faults", "--seconds", seconds])

    with pytest.raises(SystemExit, match="2"):
        faults.main()

    assert f"seconds: '{seconds}'" in capsys.readouterr().err

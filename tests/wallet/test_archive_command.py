"""`python -m wallet archive`: what it says, and the code that it ends with."""

import asyncio
import io
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from tests.wallet.archived import FIRST_BOUND, CutLedger
from tests.wallet.harness import tamper

from wallet.archive_command import archive_command
from wallet.commands import verify_command
from wallet.domain.chain import HISTORY
from wallet.settings import WalletSettings

pytestmark = pytest.mark.postgres


async def command(url: str, name: str, *arguments: str) -> tuple[int, str]:
    """Return the exit code of a command of a person, and what it says."""
    return await asyncio.to_thread(_command, url, name, arguments)


def _command(url: str, name: str, arguments: tuple[str, ...]) -> tuple[int, str]:
    said, code = io.StringIO(), 0
    commands = {"archive": archive_command, "verify": verify_command}
    with redirect_stdout(said), redirect_stderr(said):
        try:
            commands[name](WalletSettings(database_url=url), arguments)
        except SystemExit as left:
            code = int(left.code or 0)
    return code, said.getvalue()


async def test_the_command_says_what_it_did_and_what_is_left_to_do(old: CutLedger) -> None:
    before = await old.told()
    to = ("--to", str(old.folder))

    assert (await command(old.url, "archive", "--before", "2999-01-01", *to))[0] == 2
    code, said = await command(old.url, "archive", "--before", "2026-02-01", *to)

    assert (code, said.splitlines()[-1]) == (0, "Archived: 1 partitions.")
    assert f"postings_to_{FIRST_BOUND} is out of the ledger" in said
    assert await old.told() == before
    code, said = await command(old.url, "verify")
    assert (code, "38 postings are in archives, which were not read" in said) == (0, True)
    code, said = await command(old.url, "verify", "--archives", str(old.folder))
    assert (code, "38 postings are in archives, which were read" in said) == (0, True)
    (file,) = old.folder.glob("*.jsonl")
    assert file.stat().st_mode & 0o077 == 0
    file.write_bytes(file.read_bytes()[:-1])
    assert (await command(old.url, "verify", "--archives", str(old.folder)))[0] == 1
    assert (await command(old.url, "verify", "--archives", str(old.folder.parent)))[0] == 2


async def test_a_file_that_is_not_there_hides_nothing_that_was_found(old: CutLedger) -> None:
    await old.archive()
    (file,) = old.folder.glob("*.jsonl")
    file.unlink()
    arguments = ("verify", "--archives", str(old.folder))
    code, said = await command(old.url, *arguments)
    assert (code, f"{file} is not there" in said) == (2, True)

    await tamper(old.url, "UPDATE archived_sums SET total = total + 1")

    code, said = await command(old.url, *arguments)
    assert (code, f"{file} is not there" in said, "what is kept of" in said) == (1, True, True)


async def test_a_ledger_that_is_not_sealed_is_not_archived(old: CutLedger) -> None:
    await tamper(
        old.url,
        f"INSERT INTO chains VALUES ({HISTORY}, 0, 'genesis', 'genesis')",
        "DELETE FROM links",
        "UPDATE chains SET sequence = 0, hash = genesis",
    )
    code, said = await command(
        old.url, "archive", "--before", "2026-02-01", "--to", str(old.folder)
    )
    assert (code, "is not sealed" in said) == (2, True)


async def test_the_service_s_role_cannot_archive(postgres_ledger: str, tmp_path: Path) -> None:
    code, said = await command(
        postgres_ledger, "archive", "--before", "2026-02-01", "--to", str(tmp_path / "none")
    )
    assert (code, "use the owner's URL" in said) == (2, True)
    assert not (tmp_path / "none").exists()


async def test_sqlite_is_not_archived(sqlite_ledger: str, tmp_path: Path) -> None:
    code, said = await command(
        sqlite_ledger, "archive", "--before", "2026-02-01", "--to", str(tmp_path)
    )
    assert (code, "SQLite has no partitions" in said) == (2, True)

"""Whatever is wrong around an archive is told as what it is, and leaves nothing half done."""

import errno
import os
from pathlib import Path

import pytest
from tests.wallet.archived import FIRST_BOUND, CutLedger
from tests.wallet.test_archive_command import command

from kurs.data.limits import Limits
from kurs.kernel.settings import CannotRun
from wallet.store.archives import list_archives

pytestmark = pytest.mark.postgres


async def test_a_link_where_a_file_is_to_be_written_is_not_followed(old: CutLedger) -> None:
    old.folder.mkdir()
    precious = old.folder.parent / "precious"
    precious.write_text("precious")
    file = old.folder / f"postings-1-{FIRST_BOUND - 1}.jsonl"
    part = file.with_suffix(".part")
    part.symlink_to(precious)
    file.symlink_to(precious)

    with pytest.raises(CannotRun, match=f"{file} is no plain file"):
        await old.archive()
    assert (file.is_symlink(), await old.database.read(list_archives)) == (True, [])
    file.unlink()
    assert await old.archive() == 1

    assert precious.read_text() == "precious"
    assert (file.is_symlink(), part.exists(), file.stat().st_mode & 0o777) == (False, False, 0o600)


@pytest.mark.parametrize("where", ["file", "file/under", "held"])
async def test_what_is_wrong_with_the_folder_is_not_said_of_the_database(
    old: CutLedger, tmp_path: Path, where: str
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "held" / f"postings-1-{FIRST_BOUND - 1}.part" / "x").mkdir(parents=True)

    to = str(tmp_path / where)
    code, said = await command(old.url, "archive", "--before", "2026-02-01", "--to", to)

    assert (code, said.startswith(f"wallet: {to}"), "database" in said) == (2, True, False)
    assert await old.database.read(list_archives) == []


async def test_a_full_disk_is_named_and_leaves_no_part_of_a_file(
    old: CutLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    to = ("--before", "2026-02-01", "--to", str(old.folder))
    with monkeypatch.context() as patched:
        patched.setattr("wallet.archive_files.os.fsync", full)
        code, said = await command(old.url, "archive", *to)

    name = f"postings-1-{FIRST_BOUND - 1}.jsonl"
    assert (code, said) == (2, f"wallet: {old.folder / name}: No space left on device\n")
    assert list(old.folder.iterdir()) == []
    assert (await command(old.url, "archive", *to))[0] == 0


async def test_a_ledger_that_takes_long_is_archived_and_one_that_takes_too_long_says_so(
    old: CutLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = ("--before", "2026-02-01", "--to", str(old.folder))
    monkeypatch.setattr("wallet.verification.WHOLE_SECONDS", 0.001)
    with monkeypatch.context() as patched:
        patched.setattr("wallet.archive_command.UNHURRIED", Limits(statement_seconds=0.002))
        code, said = await command(old.url, "archive", *to)
        assert (code, "a statement took longer than it may" in said) == (2, True)
    assert (await command(old.url, "archive", *to))[0] == 0

"""A file is replaced whole, a failure leaves the old one, who watches it sees each change."""

import threading
from pathlib import Path

import pytest

from kurs.kernel.files import OWNER_ONLY, WatchedFile, read_whole, replace_file


def test_a_file_and_its_folders_are_made(tmp_path: Path):
    file = tmp_path / "config" / "fx" / "config.json"

    replace_file(file, "{}")

    assert file.read_text() == "{}"
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/full"])
def test_what_has_no_end_is_no_file(device: str):
    with pytest.raises(OSError, match=device):
        read_whole(Path(device))


def test_a_reader_sees_one_content_or_the_other(tmp_path: Path):
    file = tmp_path / "config.json"
    contents = ["a" * 100_000, "b" * 50_000]
    replace_file(file, contents[0])
    done = threading.Event()
    seen = set()

    def read() -> None:
        while not done.is_set():
            seen.add(file.read_text())

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(12):
        replace_file(file, contents[turn % 2])
    done.set()
    reader.join()

    assert seen <= set(contents)


def test_a_failure_leaves_the_old_content_and_no_rest(tmp_path: Path):
    file = tmp_path / "config.json"
    replace_file(file, "old")

    with pytest.raises(UnicodeEncodeError):
        replace_file(file, "\ud800")

    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_secret_is_for_its_owner_alone(tmp_path: Path):
    file = tmp_path / "api-key"

    replace_file(file, "secret", OWNER_ONLY)

    assert file.stat().st_mode & 0o777 == OWNER_ONLY


def test_each_change_is_told_once(tmp_path: Path):
    file = tmp_path / "keys.json"
    replace_file(file, "a")
    watched = WatchedFile(file)

    told = [watched.changed(), watched.changed()]
    replace_file(file, "b")
    told += [watched.changed(), watched.changed()]

    assert told == [True, False, True, False]


def test_a_swapped_link_of_a_mounted_volume_is_a_change(tmp_path: Path):
    (tmp_path / "..data").symlink_to("..one")
    file = tmp_path / "keys.json"
    file.write_text("a")
    watched = WatchedFile(file)
    watched.changed()

    (tmp_path / "..data").unlink()
    (tmp_path / "..data").symlink_to("..two")

    assert watched.changed()


def test_what_is_missing_or_was_not_read_is_asked_for_again(tmp_path: Path):
    file = tmp_path / "keys.json"
    watched = WatchedFile(file)

    assert watched.changed()
    assert watched.changed()
    file.write_text("a")
    assert watched.changed()
    watched.unread()
    assert watched.changed()

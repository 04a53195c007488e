"""A document is replaced whole: a reader never sees a part, and a failure leaves the old one."""

import threading
from pathlib import Path

import pytest

from kurs_operator.publish import write_atomically


def test_a_file_and_its_folders_are_made(tmp_path: Path):
    file = tmp_path / "config" / "fx" / "config.json"

    write_atomically(file, "{}")

    assert file.read_text() == "{}"
    assert list(file.parent.iterdir()) == [file]


def test_a_reader_sees_one_content_or_the_other(tmp_path: Path):
    file = tmp_path / "config.json"
    contents = ["a" * 100_000, "b" * 50_000]
    write_atomically(file, contents[0])
    done = threading.Event()
    seen = set()

    def read() -> None:
        while not done.is_set():
            seen.add(file.read_text())

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(12):
        write_atomically(file, contents[turn % 2])
    done.set()
    reader.join()

    assert seen <= set(contents)


def test_a_failure_leaves_the_old_content_and_no_rest(tmp_path: Path):
    file = tmp_path / "config.json"
    write_atomically(file, "old")

    with pytest.raises(UnicodeEncodeError):
        write_atomically(file, "\ud800")

    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]

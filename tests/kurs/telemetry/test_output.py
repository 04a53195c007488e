"""The log holds nobody up, whatever becomes of who reads it, and tells what was lost."""

import io
import json
import os
import time
from collections.abc import Iterator

import pytest

from kurs.telemetry.logs import create_logger
from kurs.telemetry.output import Output, as_text


class Untold:
    """Something that cannot even say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


@pytest.fixture
def pipe() -> Iterator[tuple[int, Output, list[int]]]:
    lost: list[int] = []
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream:
        yield reader, Output(stream, lost.append), lost
    os.close(reader)


def test_a_reader_that_stalls_stops_nobody_and_is_told_what_it_missed(
    pipe: tuple[int, Output, list[int]],
) -> None:
    reader, output, lost = pipe
    logger = create_logger("fx", "fx-1", "info", as_text(output))
    for number in range(30_000):
        logger.info("quoted", number=number, padding="x" * 100)
    assert sum(lost) > 0

    text = read_until(reader, b"log lines dropped")
    lines = [json.loads(line) for line in text.splitlines()]
    assert lines[0]["number"] == 0
    told = [line["lines"] for line in lines if line["event"] == "log lines dropped"]
    assert sum(told) == sum(lost)


def test_a_reader_that_has_gone_stops_nobody() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stream:
        lost: list[int] = []
        logger = create_logger("fx", "fx-1", "info", as_text(Output(stream, lost.append)))
        logger.info("quoted")
        deadline = time.monotonic() + 30
        while not lost and time.monotonic() < deadline:
            time.sleep(0.01)
    assert lost


@pytest.mark.parametrize("value", ["\ud800", Untold(), {"deep": Untold()}, {1: {2}}, b"\xff"])
def test_no_line_fails_whoever_writes_it(value: object) -> None:
    stream = io.StringIO()
    create_logger("fx", "fx-1", "info", stream).info("quoted", value=value)

    assert json.loads(stream.getvalue())["event"] == "quoted"


def test_a_stream_that_cannot_be_written_to_fails_nobody() -> None:
    class Full(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(28, "No space left on device")

    create_logger("fx", "fx-1", "info", Full()).error("quoted", exc_info=ValueError("x"))


def read_until(reader: int, mark: bytes) -> bytes:
    text = b""
    while mark not in text or not text.endswith(b"\n"):
        text += os.read(reader, 1 << 20)
    return text

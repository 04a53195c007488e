"""Logs are one JSON object per line, tied to the trace, without secrets."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.trace import format_span_id, format_trace_id

from kurs.telemetry.logs import create_logger, route_standard_logging
from kurs_testing.telemetry import RecordingTelemetry


class Terminal(io.StringIO):
    """A stream that a person looks at."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_says_what_when_and_who(stream: io.StringIO) -> None:
    create_logger("fx", "fx-1", "info", stream).info("rates refreshed", source="ecb", pairs=30)

    (line,) = lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "rates refreshed",
        "level": "info",
        "service": "fx",
        "instance": "fx-1",
        "source": "ecb",
        "pairs": 30,
    }


def test_a_line_inside_a_span_names_its_trace(stream: io.StringIO) -> None:
    tracer = RecordingTelemetry("fx").tracer
    with tracer.start_as_current_span("quote") as span:
        create_logger("fx", "fx-1", "info", stream).info("quoted")

    context = span.get_span_context()
    (line,) = lines(stream)
    assert line["trace_id"] == format_trace_id(context.trace_id)
    assert line["span_id"] == format_span_id(context.span_id)


def test_lines_below_the_level_are_not_written(stream: io.StringIO) -> None:
    logger = create_logger("fx", "fx-1", "warning", stream)
    logger.info("quiet")
    logger.warning("loud")

    assert [line["event"] for line in lines(stream)] == ["loud"]


def test_an_unknown_level_is_refused(stream: io.StringIO) -> None:
    with pytest.raises(ValueError, match="chatty"):
        create_logger("fx", "fx-1", "chatty", stream)


def test_an_error_carries_its_traceback_on_the_same_line(stream: io.StringIO) -> None:
    try:
        raise LookupError("no such rate")
    except LookupError as error:
        create_logger("fx", "fx-1", "info", stream).error("failed", exc_info=error)

    (line,) = lines(stream)
    assert "LookupError: no such rate" in line["exception"]


def test_secrets_are_hidden_wherever_they_stand(stream: io.StringIO) -> None:
    create_logger("gateway", "g-1", "info", stream).info(
        "refused", authorization="Bearer kurs_dev_1_abc", api_key="kurs_dev_1_abc", token="abc"
    )

    assert "abc" not in stream.getvalue()
    assert lines(stream)[0]["api_key"] == "[hidden]"


def test_a_terminal_gets_colours_instead_of_json() -> None:
    terminal = Terminal()
    create_logger("fx", "fx-1", "info", terminal).info("rates refreshed")

    assert "\x1b[" in terminal.getvalue()
    assert "rates refreshed" in terminal.getvalue()


def test_what_libraries_log_has_the_same_form(
    stream: io.StringIO, root_logger: logging.Logger
) -> None:
    route_standard_logging("fx", "fx-1", "info", stream)
    logging.getLogger("some.library").info("started on %s", "127.0.0.1")
    logging.getLogger("some.library").debug("not this")

    (line,) = lines(stream)
    assert line["event"] == "started on 127.0.0.1"
    assert line["logger"] == "some.library"
    assert line["service"] == "fx"
    assert line["level"] == "info"

"""The logs of all processes as one stream of lines that a person can follow."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from rich.text import Text

_COLOURS = ("cyan", "magenta", "green", "blue", "yellow", "bright_cyan", "bright_magenta")
_LEVEL_STYLES = {"warning": "yellow", "error": "bold red", "critical": "bold red"}
_MAX_LINE_BYTES = 65_536


class LogFollower:
    """Reads what was added to log files since the last look."""

    def __init__(self, logs: Mapping[str, Path]) -> None:
        self._logs = dict(logs)
        self._read = dict.fromkeys(logs, 0)
        self._rest = dict.fromkeys(logs, b"")
        self._width = max(map(len, logs), default=0)
        self._colours = {
            name: _COLOURS[number % len(_COLOURS)] for number, name in enumerate(sorted(logs))
        }

    def new_lines(self, *, routine: bool = True) -> Iterator[Text]:
        """Yield the finished lines that are new, each under the name of its process.

        Without `routine` only those of a warning or worse, and what is no line of a log.
        """
        for name, log in self._logs.items():
            for line in self._finished(name, log):
                if not routine and is_routine(line):
                    continue
                prefix = Text(f"{name:<{self._width}} │ ", style=self._colours[name])
                yield prefix + readable(line)

    def _finished(self, name: str, log: Path) -> Iterable[str]:
        if not log.exists() or log.stat().st_size == self._read[name]:
            return []
        with log.open("rb") as file:
            file.seek(self._read[name])
            added = file.read()
        self._read[name] += len(added)
        *lines, rest = (self._rest[name] + added).split(b"\n")
        # A line without an end must not grow without bounds.
        self._rest[name] = rest[-_MAX_LINE_BYTES:]
        return [line.decode(errors="replace") for line in lines if line.strip()]


def is_routine(line: str) -> bool:
    """Tell whether a line says that all is well."""
    try:
        return json.loads(line)["level"] in ("debug", "info")
    except (ValueError, TypeError, KeyError):
        return False


def readable(line: str) -> Text:
    """Return a JSON log line as `time level message key=value …`; other lines unchanged."""
    try:
        fields = json.loads(line)
    except ValueError:
        return Text(line)
    if not isinstance(fields, dict) or "event" not in fields:
        return Text(line)
    level = str(fields.pop("level", "info"))
    when = str(fields.pop("timestamp", ""))[11:19]
    text = Text.assemble(
        (f"{when} ", "dim"),
        (f"{level:<8}", _LEVEL_STYLES.get(level, "dim")),
        str(fields.pop("event")),
    )
    trace = fields.pop("exception", None)
    for key in ("service", "instance"):
        fields.pop(key, None)
    for key, value in fields.items():
        text.append(f" {key}=", style="dim").append(str(value))
    return text.append(f"\n{trace}") if trace else text

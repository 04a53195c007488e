"""A values.yaml as the values it describes: each with its default, comment, keywords and own text.

YAML gives the structure and where each key stands, the lines above a key its comment. Only objects
in block style are taken apart; what is in braces or brackets is one value.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import yaml

from kurs_charts.annotations import Keywords, read_comment

_OWN = re.compile(r"\s# @own$")


@dataclass(frozen=True, slots=True)
class Value:
    """One value. `head` is its comment and the line of its key, `lines` all of its text.

    Neither is indented. `own` says that a chart sets it otherwise than the library does.
    """

    name: str
    default: Any
    meaning: str
    keywords: Keywords
    own: bool
    head: tuple[str, ...]
    lines: tuple[str, ...]
    parts: tuple["Value", ...]

    def named(self, name: str) -> "Value":
        """Return it by another name, such as its whole path."""
        return replace(self, name=name)


def read_values(text: str) -> tuple[Value, ...]:
    """Return the values at the top of a file; raises ValueError for an unreadable comment."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if root is None:
        return ()
    lines = text.splitlines()
    return tuple(_read(root, lines, len(lines), yaml.safe_load(text)))


def _read(
    node: yaml.Node, lines: Sequence[str], end: int, defaults: dict[str, Any]
) -> Iterator[Value]:
    begins = [_begin(key, lines) for key, _ in node.value]
    for (key, value), begin, stop in zip(node.value, begins, [*begins[1:], end], strict=True):
        line, column = key.start_mark.line, key.start_mark.column
        default = defaults[key.value]
        taken_apart = isinstance(value, yaml.MappingNode) and not value.flow_style
        parts = tuple(_read(value, lines, stop, default)) if taken_apart else ()
        keywords, meaning = read_comment(lines[begin:line])
        yield Value(
            name=key.value,
            default=default,
            meaning=meaning,
            keywords=keywords,
            own=_OWN.search(lines[line]) is not None,
            head=_outdented(lines[begin : line + 1], column),
            lines=_outdented(lines[begin:stop], column),
            parts=parts,
        )


def _begin(key: yaml.Node, lines: Sequence[str]) -> int:
    """Return the first line of the comment that stands directly above a key."""
    line, comment = key.start_mark.line, " " * key.start_mark.column + "#"
    while line and lines[line - 1].startswith(comment):
        line -= 1
    return line


def _outdented(lines: Sequence[str], columns: int) -> tuple[str, ...]:
    return tuple("\n".join(line[columns:] for line in lines).rstrip().split("\n"))

"""The log lines of the services and the operator, as their source writes them."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path
    for folder in ("libs/kurs/src", "services", "operator/src")
    for path in (ROOT / folder).rglob("*.py")
)
_LEVELS = frozenset({"debug", "info", "warning", "error", "critical", "exception"})


class LogLine(NamedTuple):
    """A call that logs: where, its event (None when it is put together), the keys it is given.

    `more` are the expressions behind `**`, whose keys nobody sees here.
    """

    where: str
    event: str | None
    keys: frozenset[str]
    more: tuple[str, ...]


def log_lines() -> Iterator[LogLine]:
    """Yield every call of a logger and of `audit` in the source."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and (event := _event(node)) is not None:
                yield LogLine(
                    f"{path.relative_to(ROOT)}:{node.lineno}",
                    event.value if isinstance(event, ast.Constant) else None,
                    # `span` is what a line is of: it is written as trace_id and span_id.
                    frozenset(k.arg for k in node.keywords if k.arg and k.arg != "span"),
                    tuple(ast.unparse(k.value) for k in node.keywords if not k.arg),
                )


def messages() -> list[str]:
    """Return every text of the source, as messages of errors are made of them."""
    return [
        node.value
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


def _event(call: ast.Call) -> ast.expr | None:
    """Return what stands for the event of a logging call, None for any other call."""
    function = call.func
    if isinstance(function, ast.Name) and function.id == "audit":
        return ast.Constant("audit")
    if not isinstance(function, ast.Attribute) or function.attr not in _LEVELS or not call.args:
        return None
    logger = ast.unparse(function.value).lower()
    return call.args[0] if logger.endswith(("log", "logger")) else None

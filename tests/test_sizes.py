"""No file of code has over 400 lines, and no function over 50."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PARTS = (
    *("charts", "devstack", "libs", "loadtest", "observability", "operator", "requirements"),
    *("services", "simulation", "tests"),
)
KINDS = {".py", ".js", ".ts", ".css", ".html", ".tpl"}


def code() -> Iterator[Path]:
    for part in PARTS:
        for file in (ROOT / part).rglob("*"):
            if file.suffix in KINDS and "node_modules" not in file.parts:
                yield file


def test_no_file_is_long() -> None:
    lengths = {file: len(file.read_text("utf-8").splitlines()) for file in code()}

    assert len(lengths) > 1_000
    assert not {str(file): lines for file, lines in lengths.items() if lines > 400}


def test_no_function_is_long() -> None:
    functions = [
        (f"{file}: {node.name}", (node.end_lineno or 0) - node.lineno + 1)
        for file in code()
        if file.suffix == ".py"
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]

    assert not [(name, lines) for name, lines in functions if lines > 50]

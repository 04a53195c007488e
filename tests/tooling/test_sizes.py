"""Files stay under 400 lines and functions under 50, most of them far below."""

import ast
from collections.abc import Iterator
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[2]
FILES = sorted(
    path
    for path in ROOT.glob("**/src/**/*.py")
    if not {".venv", "build"} & set(path.relative_to(ROOT).parts)
)


def functions() -> Iterator[tuple[str, int]]:
    """Yield every function of the source with its lines."""
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
                where = f"{path.relative_to(ROOT)}:{node.name}"
                yield where, node.end_lineno - node.lineno + 1


def test_files_are_short() -> None:
    lines = {str(path): path.read_text("utf-8").count("\n") for path in FILES}

    assert len(lines) > 400
    assert {path: n for path, n in lines.items() if n >= 400} == {}
    assert median(lines.values()) < 100


def test_functions_are_short() -> None:
    lines = dict(functions())

    assert {where: n for where, n in lines.items() if n > 50} == {}
    assert median(lines.values()) < 8

"""Files stay under 400 lines, functions under 50 (in tests 70), and most far below."""

import ast
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[2]


def files(pattern: str) -> tuple[Path, ...]:
    """Return the Python files of the project that match."""
    return tuple(
        path
        for path in sorted(ROOT.glob(pattern))
        if not {".venv", "build"} & set(path.relative_to(ROOT).parts)
    )


SOURCE = files("**/src/**/*.py")
TESTS = files("tests/**/*.py")


def lengths(paths: Iterable[Path]) -> dict[str, int]:
    """Return the lines of each file."""
    return {str(path.relative_to(ROOT)): path.read_text("utf-8").count("\n") for path in paths}


@cache
def functions(paths: tuple[Path, ...]) -> dict[str, int]:
    """Return the lines of every function of files, by the line where it begins."""
    return {
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}": node.end_lineno - node.lineno + 1
        for path in paths
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
    }


def test_methods_of_one_name_are_counted_each() -> None:
    places = [where.partition(":")[0] + where.partition(" ")[2] for where in functions(SOURCE)]

    assert len(places) > len(set(places))


def test_files_are_short() -> None:
    lines = lengths(SOURCE)

    assert len(lines) > 400
    assert {path: n for path, n in lines.items() if n >= 400} == {}
    assert median(lines.values()) < 100
    assert {path: n for path, n in lengths(TESTS).items() if n >= 400} == {}


def test_functions_are_short() -> None:
    lines = functions(SOURCE)

    assert {where: n for where, n in lines.items() if n > 50} == {}
    assert median(lines.values()) < 8
    assert {where: n for where, n in functions(TESTS).items() if n > 70} == {}

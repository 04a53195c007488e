"""A moment that is kept says by which clock: `_monotonic` in seconds, `_at` in microseconds."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(
    path
    for folder in ("libs/kurs/src", "services", "operator/src")
    for path in (ROOT / folder).rglob("*.py")
)


def of_monotonic(tree: ast.AST) -> Iterator[str]:
    """Yield the names of attributes that are set by what `monotonic()` says."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any(map(_asks, ast.walk(node.value))):
            yield from (t.attr for t in node.targets if isinstance(t, ast.Attribute))


def of_floats(tree: ast.AST) -> Iterator[str]:
    """Yield the names of fields and parameters that are floats."""
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and _is_float(node.annotation):
            yield ast.unparse(node.target)
        if isinstance(node, ast.arg) and node.annotation and _is_float(node.annotation):
            yield node.arg


def _is_float(annotation: ast.expr) -> bool:
    return ast.unparse(annotation) in ("float", "float | None")


def _asks(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func).endswith("monotonic")


def test_there_are_files() -> None:
    assert len(FILES) > 300


@pytest.mark.parametrize(
    "asks", ["monotonic()", "time.monotonic() + 1", "max(0, self._monotonic())"]
)
def test_it_is_seen_who_asks(asks: str) -> None:
    assert list(of_monotonic(ast.parse(f"self.until = {asks}"))) == ["until"]


def test_moments_say_by_which_clock_they_are() -> None:
    trees = {path.relative_to(ROOT): ast.parse(path.read_text("utf-8")) for path in FILES}
    silent = {
        (str(path), name)
        for path, tree in trees.items()
        for name in of_monotonic(tree)
        if not name.endswith("_monotonic")
    }
    seconds = {
        (str(path), name)
        for path, tree in trees.items()
        for name in of_floats(tree)
        if name.endswith("_at")
    }

    assert silent == set()
    assert seconds == set()

"""Who may import what within the operator: one way to the API server, and pure parts stay pure."""

import ast
from pathlib import Path

import pytest

import kurs_operator

ROOT = Path(kurs_operator.__file__).parent
PURE = (
    "compile", "conflicts", "ruling", "edits", "last_good", "status", "conditions", "documents",
    "judged", "rollout", "condition_states",
)  # fmt: skip


def imported(file: Path) -> set[str]:
    """Return the top-level packages that a module imports."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize(
    ("package", "modules"),
    [
        ("lightkube", {"cluster.py", "connection.py"}),
        ("httpx2", {"cluster.py", "connection.py"}),
        ("kopf", {"handlers.py", "watching.py", "connection.py"}),
        ("aiohttp", {"asking.py", "app.py"}),
    ],
)
def test_a_package_is_used_where_it_belongs(package: str, modules: set[str]):
    using = {f.name for f in ROOT.rglob("*.py") if package in imported(f)}

    assert using == modules


@pytest.mark.parametrize("name", PURE)
def test_a_pure_module_waits_for_nothing(name: str):
    assert not imported(ROOT / f"{name}.py") & {"asyncio", "time", "kopf", "lightkube", "aiohttp"}

"""Checks the lock files: every requirement pinned and hashed, and none missing."""

import re
import sys
import tomllib
from pathlib import Path

_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==", re.MULTILINE)
_NAME = re.compile(r"^[A-Za-z0-9._-]+")


def locked(text: str) -> set[str]:
    """Return the normalized names that a lock file pins (PEP 503)."""
    return {_normal(name) for name in _PIN.findall(text)}


def unhashed(text: str) -> list[str]:
    """Return the pins that carry no hash."""
    blocks = re.split(r"\n(?=[A-Za-z0-9])", text)
    return [b.splitlines()[0] for b in blocks if _PIN.match(b) and "--hash=" not in b]


def problems(folder: Path, root: Path) -> list[str]:
    """Return a sentence for each thing that is wrong with the lock files in `folder`."""
    found = []
    ours = {_name(project) for project in _projects("dev", root)}
    for lock in sorted(folder.rglob("*.txt")):
        text = lock.read_text("utf-8")
        found += [f"{lock.name}: {pin} has no hash; run make lock" for pin in unhashed(text)]
        if re.search(r"^(-i|--index-url|--extra-index-url|--find-links)", text, re.MULTILINE):
            found.append(f"{lock.name} names an index; run make lock")
        for project in _projects(lock.relative_to(folder).with_suffix("").as_posix(), root):
            missing = _wanted(project) - locked(text) - ours
            found += [f"{lock.name} lacks {name}; run make lock" for name in sorted(missing)]
    return found


def main() -> int:
    """Print what is wrong; return 1 if anything is."""
    found = problems(Path(sys.argv[1]), Path.cwd())
    for problem in found:
        sys.stderr.write(problem + "\n")
    return 1 if found else 0


def _projects(source: str, root: Path) -> list[Path]:
    if source == "dev":
        return sorted(root.glob("*/pyproject.toml")) + sorted(root.glob("*/*/pyproject.toml"))
    if source == "build":
        return []
    return [root / "libs" / "kurs" / "pyproject.toml", root / source / "pyproject.toml"]


def _name(project: Path) -> str:
    return _normal(tomllib.loads(project.read_text("utf-8"))["project"]["name"])


def _wanted(project: Path) -> set[str]:
    requirements = tomllib.loads(project.read_text("utf-8"))["project"]["dependencies"]
    names = [_NAME.match(requirement) for requirement in requirements]
    return {_normal(match[0]) for match in names if match}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main())

"""What is wrong with a lock file is said by its name, with what to do."""

from pathlib import Path

import pytest

from kurs_requirements.lock import problems

HASHED = "httpx==0.28.1 \\\n    --hash=sha256:00\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout with one service, which needs httpx and a package of its own workspace."""
    for folder, name, needs in (
        ("libs/kurs", "kurs", []),
        ("services/fx", "kurs-fx", ["kurs", "HTTPX[http2]>=0.28"]),
    ):
        project = tmp_path / folder / "pyproject.toml"
        project.parent.mkdir(parents=True)
        project.write_text(f'[project]\nname = "{name}"\ndependencies = {needs}\n')
    (tmp_path / "requirements" / "services").mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize(
    ("lock", "said"),
    [
        (HASHED, []),
        ("", ["fx.txt lacks httpx; run make lock"]),
        ("httpx==0.28.1\n", ["fx.txt: httpx==0.28.1 has no hash; run make lock"]),
        (f"--index-url https://example.org\n{HASHED}", ["fx.txt names an index; run make lock"]),
    ],
)
def test_a_lock_pins_with_hashes_all_that_its_projects_ask_for(
    root: Path, lock: str, said: list[str]
) -> None:
    (root / "requirements" / "services" / "fx.txt").write_text(lock)

    assert problems(root / "requirements", root) == said

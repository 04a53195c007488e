"""Synced sources run in place of the installed ones, the rest of their package with them."""

import subprocess
import sys
from pathlib import Path

from kurs.live import complete


def test_a_synced_file_wins_and_the_rest_is_what_was_installed(tmp_path: Path) -> None:
    installed, live = tmp_path / "installed", tmp_path / "live"
    for name, text in (("__init__", ""), ("old", "WORD = 'old'"), ("new", "WORD = 'stale'")):
        (installed / "shop").mkdir(parents=True, exist_ok=True)
        (installed / "shop" / f"{name}.py").write_text(text)
    (installed / "other").mkdir()
    (installed / "other" / "__init__.py").write_text("")
    (live / "shop").mkdir(parents=True)
    (live / "shop" / "new.py").write_text("WORD = 'synced'")

    complete(live, installed)

    code = "from shop import new, old; print(new.WORD, old.WORD)"
    said = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": f"{live}:{installed}"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said.split() == ["synced", "old"]
    assert not (live / "other").exists()

"""What make says to a person, in a pipe and when something is missing."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]


def make(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["make", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_help_in_a_pipe_is_plain_text() -> None:
    answer = make("help")

    assert answer.returncode == 0
    assert "\x1b" not in answer.stdout
    assert {"demo", "dev", "test"} <= {line.split()[0] for line in answer.stdout.splitlines()}


def test_an_installation_that_fails_names_where_to_look_and_the_setting_for_dns() -> None:
    """Helm says no more than "context deadline exceeded" where pods do not reach their DNS."""
    answer = make("deploy", "ENV=here", "HELM=echo Error: context deadline exceeded >&2; false")

    assert answer.returncode != 0
    assert "kubectl -n kurs-here get pods" in answer.stderr
    assert "global.network.dns" in answer.stderr


def test_after_an_uninstall_it_says_that_resources_tell_what_was() -> None:
    answer = make("undeploy", "ENV=here", "HELM=true")

    assert answer.returncode == 0
    assert "go on to say what they last said" in answer.stdout


def test_a_missing_python_is_named_with_what_to_do(tmp_path: Path) -> None:
    answer = make("setup", f"VENV={tmp_path}/venv", "PYTHON=no-such-python")

    assert answer.returncode != 0
    assert "there is no no-such-python: install Python 3.11 or newer" in answer.stderr
    assert not (tmp_path / "venv").exists()

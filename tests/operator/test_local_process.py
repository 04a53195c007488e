"""`python -m kurs_operator.local` as a process: exit codes, signals, and an edit on its way."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from tests.operator.builders import rate_source, threshold

from kurs.config.resources import FxDocument

PATIENCE_SECONDS = 60
"""How long a condition may take on a busy machine before the test gives up."""


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    folder = tmp_path / "samples"
    folder.mkdir()
    (folder / "fx.yaml").write_text(yaml.safe_dump(rate_source()))
    (folder / "risk.yaml").write_text(yaml.safe_dump(threshold()))
    return folder


def arguments(samples: Path, *more: str) -> list[str]:
    out = str(samples.with_name("config"))
    return [*(sys.executable, "-m", "kurs_operator.local"), *("--samples", str(samples)),
            *("--out", out), *more]  # fmt: skip


def once(samples: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments(samples, "--once"), capture_output=True, text=True, check=False, umask=0o022
    )


@pytest.fixture
def running(samples: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(arguments(samples), stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def eventually(reached: Callable[[], bool]) -> bool:
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        if reached():
            return True
        time.sleep(0.05)
    return False


def spread(samples: Path) -> int | None:
    file = samples.with_name("config") / "fx" / "config.json"
    if not file.exists():
        return None
    document = FxDocument.model_validate_json(file.read_text())
    return document.payload.rate_sources[0].spec.pairs[0].spread_bps


def test_once_writes_the_documents_and_exits_with_zero(samples: Path):
    result = once(samples)

    assert result.returncode == 0, result.stdout
    assert spread(samples) == 25
    assert samples.with_name("config").stat().st_mode & 0o077 == 0, "others can look into it"
    assert result.stderr == ""


def test_once_with_a_bad_file_exits_with_one_and_names_it(samples: Path):
    (samples / "fx.yaml").write_text(yaml.safe_dump(rate_source(priority=5000)))

    result = once(samples)

    assert result.returncode == 1
    assert "fx.yaml: FXRateSource/desk: spec.priority: is too large" in result.stdout
    assert result.stderr == ""


def test_a_missing_folder_exits_with_two_and_one_sentence(tmp_path: Path):
    result = once(tmp_path / "nowhere")

    assert result.returncode == 2
    assert result.stdout.count("\n") == 1
    assert "is no folder" in result.stdout


def test_an_edit_reaches_the_document_while_it_runs(samples: Path, running: subprocess.Popen[str]):
    assert eventually(lambda: spread(samples) == 25)

    edited = rate_source(pairs=[{"quote": "IDR", "spreadBps": 75}])
    (samples / "fx.yaml").write_text(yaml.safe_dump(edited))

    assert eventually(lambda: spread(samples) == 75)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(
    samples: Path, running: subprocess.Popen[str], number: signal.Signals
):
    assert eventually(lambda: spread(samples) == 25)

    running.send_signal(number)
    said, _ = running.communicate()

    assert running.returncode == 0
    assert "Traceback" not in said

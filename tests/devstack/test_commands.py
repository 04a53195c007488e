"""The commands as a person runs them, with their output in a pipe."""

import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from devstack.orders import main as orders
from devstack.orders import take_orders, taking_orders
from devstack.ports import free_ports, is_free

pytestmark = pytest.mark.crash
SECONDS = 300
ROOT = Path(__file__).parents[2]


@pytest.fixture
def first_port() -> int:
    for _ in range(100):
        port = free_ports(1)[0]
        if all(is_free(port + offset) for offset in (*range(6), *range(1000, 1006))):
            return port
    raise AssertionError("no six free ports in a row, with those for probes")


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "loadtest.demo", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


class Running:
    """A command under way, its output collected."""

    def __init__(self, *arguments: str, module: str = "devstack") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            umask=0o022,
        )
        self.output = ""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + SECONDS
        while text not in self.output:
            assert self.process.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.05)

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        code = self.process.wait(SECONDS)
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@pytest.fixture
def dev(tmp_path: Path, first_port: int) -> Iterator[Running]:
    running = Running(
        *("--no-reload", "--port", str(first_port), "--folder", str(tmp_path / "run"))
    )
    yield running
    if running.process.poll() is None:
        running.end(signal.SIGTERM)


def test_the_demo_pays_everything_and_says_so(tmp_path: Path, first_port: int) -> None:
    folder = tmp_path / "demo"

    done = demo("-n", "100", "--port", str(first_port), "--folder", str(folder))

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Paying: 100 of 100" in done.stdout
    assert "insufficient_funds" in done.stdout
    assert "p50" in done.stdout
    assert "every currency sums to zero" in done.stdout
    assert "\x1b[" not in done.stdout
    assert all(is_free(first_port + offset) for offset in range(5))


def test_a_demo_that_is_kept_has_life_in_it(tmp_path: Path, first_port: int) -> None:
    folder = tmp_path / "demo"
    running = Running(
        *("-n", "40", "--port", str(first_port), "--folder", str(folder), "--keep", "--rate", "20"),
        module="loadtest.demo",
    )
    try:
        running.wait_for("Ctrl-C stops everything")
        key = {"Authorization": f"Bearer {(folder / 'api-key').read_text().strip()}"}
        gateway = httpx.Client(base_url=f"http://127.0.0.1:{first_port}", headers=key)
        with gateway:
            for status in ("AUTHORIZED", "VOIDED", "REFUNDED", "REVIEW"):
                wait_for_one(gateway, status)
        assert orders(["kill", "risk", "--folder", str(folder)]) == 0
        running.wait_for("risk ended with code -9; start it again: make restart SERVICE=risk")
        assert orders(["restart", "risk", "--folder", str(folder)]) == 0
        wait_until_answers(first_port + 4 + 1000)
    finally:
        assert running.end(signal.SIGTERM) == 128 + signal.SIGTERM
    assert all(is_free(first_port + offset) for offset in range(5))


def wait_for_one(gateway: httpx.Client, status: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not gateway.get("/payments", params={"status": status}).json()["items"]:
        assert time.monotonic() < deadline, status
        time.sleep(0.2)


def test_a_port_in_use_is_one_sentence(tmp_path: Path, first_port: int) -> None:
    with socket.create_server(("127.0.0.1", first_port + 3)):
        done = demo("--port", str(first_port), "--folder", str(tmp_path / "demo"))

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"port {first_port + 3}, which wallet needs, is in use by process {os.getpid()}" in (
        done.stderr
    )


def test_the_demo_empties_no_folder_of_others(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")

    done = demo("--folder", str(tmp_path))

    assert done.returncode == 1
    assert "is not a demo's folder" in done.stderr
    assert (tmp_path / "thesis.txt").exists()


def test_dev_says_what_one_needs_outlives_a_service_and_stops_everything(
    dev: Running, tmp_path: Path, first_port: int
) -> None:
    dev.wait_for("Ctrl-C stops everything")
    key_file = tmp_path / "run" / "api-key"
    children = psutil.Process(dev.process.pid).children(recursive=True)
    (risk,) = (child for child in children if child.cmdline()[-1] == "risk")

    risk.kill()
    dev.wait_for("risk ended with code -9")
    assert dev.process.poll() is None
    code = dev.end(signal.SIGINT)

    assert code == 0
    assert f"http://127.0.0.1:{first_port}/" in dev.output
    assert f"$(cat {key_file})" in dev.output
    assert key_file.read_text().strip() not in dev.output
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    folders = [key_file.parent, *(f for f in key_file.parent.rglob("*") if f.is_dir())]
    assert [f for f in folders if f.stat().st_mode & 0o077] == [], "others can look into them"
    assert "\x1b[" not in dev.output
    # Five services, the operator, and what ends them all if this one is killed.
    assert len(children) == 8
    assert not any(child.is_running() for child in children)


def test_an_interrupt_while_starting_leaves_nothing(tmp_path: Path, first_port: int) -> None:
    running = Running("--port", str(first_port), "--folder", str(tmp_path / "run"))
    running.wait_for("Starting the six services")
    children: list[psutil.Process] = []
    while len(children) < 3:
        children = psutil.Process(running.process.pid).children(recursive=True)

    assert running.end(signal.SIGTERM) == 0
    assert not any(child.is_running() for child in children)
    assert all(is_free(first_port + offset) for offset in range(5))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP])
def test_no_service_outlives_the_command(
    dev: Running, first_port: int, number: signal.Signals
) -> None:
    dev.wait_for("Ctrl-C stops everything")
    # The terminal is gone: nothing can be written any more.
    dev.end(number)

    deadline = time.monotonic() + SECONDS
    while not all(is_free(first_port + offset) for offset in range(5)):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_dead_service_is_told_once_and_started_again(
    dev: Running, tmp_path: Path, first_port: int
) -> None:
    dev.wait_for("Ctrl-C stops everything")
    assert "is ready" not in dev.output.split("Ctrl-C stops everything")[1]
    folder = str(tmp_path / "run")
    assert orders(["kill", "risk", "--folder", folder]) == 0
    dev.wait_for("make restart SERVICE=risk")
    assert orders(["restart", "risk", "--folder", folder]) == 0
    dev.wait_for("restart risk, as asked for")
    wait_until_answers(first_port + 4 + 1000)
    assert dev.output.count("risk ended with code") == 1


def test_an_order_to_nobody_is_refused_and_not_left_lying(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert orders(["kill", "wallet", "--folder", str(tmp_path)]) == 1
    assert "make demo KEEP=1" in capsys.readouterr().err
    with taking_orders(tmp_path):
        assert orders(["kill", "wallet", "--folder", str(tmp_path)]) == 0
    # Whoever takes orders next does not carry out what was meant for the one before.
    with taking_orders(tmp_path):
        assert list(take_orders(tmp_path)) == []
    assert orders(["kill", "wallet", "--folder", str(tmp_path)]) == 1


def wait_until_answers(port: int) -> None:
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.1)

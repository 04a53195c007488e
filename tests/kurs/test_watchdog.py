"""A process whose event loop stands still ends, and says where; one that did not run does not."""

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devstack.ports import LOOPBACK, free_ports
from devstack.processes import ManagedProcess, stop_all
from devstack.readiness import wait_ready
from kurs.web.serving.watchdog import EXIT_CODE

_SECONDS = 60
_SERVICE = Path(__file__).with_name("served.py")
Start = Callable[..., ManagedProcess]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started = []

    def run(**settings: str) -> ManagedProcess:
        port = free_ports(1)[0]
        process = ManagedProcess(
            "served",
            [sys.executable, str(_SERVICE)],
            environment={
                **os.environ,
                "KURS_PORT": str(port),
                "KURS_DRAIN_SECONDS": "0",
                "KURS_WATCHDOG_SECONDS": "0.5",
                **settings,
            },
            folder=tmp_path,
            log=tmp_path / "log",
            port=port,
        )
        started.append(process)
        process.start()
        wait_ready([process], _SECONDS)
        return process

    yield run
    stop_all(started)


def ask(process: ManagedProcess, path: str) -> socket.socket:
    connection = socket.create_connection((LOOPBACK, process.port), timeout=_SECONDS)
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
    return connection


@pytest.mark.parametrize("how", ["waits", "computes"])
def test_a_loop_that_stands_still_is_ended_and_named(
    start: Start, tmp_path: Path, how: str
) -> None:
    process = start()
    with ask(process, f"/stand?how={how}"):
        assert process.wait(_SECONDS)

    assert process.exit_code == EXIT_CODE
    text = (tmp_path / "log").read_text()
    line = next(json.loads(row) for row in text.splitlines() if "event loop stands still" in row)
    assert line["level"] == "critical"
    assert line["stack"][-1].endswith(" stand")
    assert "hidden-value" not in text


def test_a_call_into_c_that_lets_nothing_run_is_ended_and_named(
    start: Start, tmp_path: Path
) -> None:
    process = start()
    with ask(process, "/stand?how=power"):
        assert process.wait(_SECONDS)

    assert process.exit_code == EXIT_CODE
    text = (tmp_path / "log").read_text()
    assert "served.py" in text
    assert "in stand" in text


def test_a_process_that_did_not_run_goes_on(start: Start) -> None:
    process = start()
    for _ in range(2):
        process.signal(signal.SIGSTOP)
        time.sleep(1)
        process.signal(signal.SIGCONT)
        with ask(process, "/healthz") as connection:
            assert b" 200 " in connection.recv(65_536)
    assert process.exit_code is None


def test_a_slow_start_is_no_standing_still(start: Start) -> None:
    with ask(start(KURS_TEST_START_SECONDS="1"), "/healthz") as connection:
        assert b" 200 " in connection.recv(65_536)


def test_it_can_be_turned_off(start: Start) -> None:
    process = start(KURS_WATCHDOG_SECONDS="0")
    with ask(process, "/stand?how=waits"):
        assert not process.wait(1)
    process.signal(signal.SIGKILL)

"""What a process has been sent when it stops is answered, also what it has not read yet."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from devstack.ports import LOOPBACK, free_ports
from devstack.processes import ManagedProcess, stop_all
from devstack.readiness import wait_ready

_SECONDS = 120
_SERVICE = Path(__file__).with_name("blocking_service.py")


@dataclass
class Service:
    """A running process, and the pipe that its `/block` waits for."""

    process: ManagedProcess
    pipe: Path

    def connect(self) -> socket.socket:
        return socket.create_connection((LOOPBACK, self.process.port), timeout=_SECONDS)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    pipe, port = tmp_path / "pipe", free_ports(1)[0]
    os.mkfifo(pipe)
    process = ManagedProcess(
        "blocking",
        [sys.executable, str(_SERVICE)],
        environment={
            **os.environ,
            "KURS_PORT": str(port),
            "KURS_DRAIN_SECONDS": "0",
            "KURS_WATCHDOG_SECONDS": "0",
            "KURS_TEST_PIPE": str(pipe),
        },
        folder=tmp_path,
        log=tmp_path / "log",
        port=port,
    )
    process.start()
    try:
        wait_ready([process], _SECONDS)
        yield Service(process, pipe)
    finally:
        stop_all([process])


def send(connection: socket.socket, path: str) -> None:
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())


def read(connection: socket.socket) -> tuple[int, bool]:
    """Return the status of an answer and whether it ends the connection."""
    text = b""
    while b"\r\n\r\n" not in text:
        received = connection.recv(65_536)
        if not received:
            break
        text += received
    head = text.partition(b"\r\n\r\n")[0].lower().split(b"\r\n")
    return int(head[0].split()[1] or 0) if head[0] else 0, b"connection: close" in head


def test_what_waits_in_the_sockets_when_a_process_stops_is_answered(service: Service) -> None:
    with service.connect() as kept, service.connect() as blocking, service.connect() as fresh:
        send(kept, "/healthz")
        assert read(kept) == (200, False)
        send(blocking, "/block")
        with service.pipe.open("w") as pipe:
            # Its loop stands still: what comes now is in the kernel when it goes on.
            service.process.signal(signal.SIGTERM)
            send(kept, "/healthz")
            send(fresh, "/healthz")
            with service.connect() as waiting:
                send(waiting, "/healthz")
                pipe.write("go on")
                pipe.close()
                answers = [read(each) for each in (kept, blocking, fresh, waiting)]

    assert [status for status, _ in answers] == [200] * 4
    # What blocked may have begun its answer before the loop took note of the signal.
    assert [ends for _, ends in (answers[0], *answers[2:])] == [True] * 3
    assert service.process.wait(_SECONDS)
    assert service.process.exit_code == 0


def test_a_second_signal_ends_the_waiting(service: Service) -> None:
    with service.connect() as blocking:
        send(blocking, "/block")
        with service.pipe.open("w"):
            service.process.signal(signal.SIGTERM)
            service.process.signal(signal.SIGTERM)
        assert service.process.wait(_SECONDS)


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGHUP])
def test_a_second_signal_ends_a_process_whose_end_hangs(
    service: Service, second: signal.Signals
) -> None:
    ending = service.pipe.with_name("ending")
    os.mkfifo(ending)
    service.process.signal(signal.SIGTERM)
    assert ending.read_text() == "begun"

    service.process.signal(second)

    assert service.process.wait(_SECONDS)


def test_two_signals_at_once_end_a_process_whose_end_hangs(service: Service) -> None:
    ending = service.pipe.with_name("ending")
    os.mkfifo(ending)
    with service.connect() as blocking:
        send(blocking, "/block")
        with service.pipe.open("w"):
            service.process.signal(signal.SIGTERM)
            service.process.signal(signal.SIGINT)
        assert ending.read_text() == "begun"

    assert service.process.wait(_SECONDS)


def test_an_unknown_command_is_named(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, str(_SERVICE), "mirgate"], capture_output=True, text=True, check=False
    )

    assert ended.returncode == 2
    assert "unknown command 'mirgate'" in ended.stderr


def test_sighup_starts_the_same_process_anew(service: Service) -> None:
    pid = service.process.pid
    with service.connect() as kept:
        send(kept, "/healthz")
        assert read(kept) == (200, False)
        service.process.signal(signal.SIGHUP)
        while kept.recv(65_536):
            pass
    wait_ready([service.process], _SECONDS)
    with service.connect() as fresh:
        send(fresh, "/healthz")
        assert read(fresh) == (200, False)
    assert service.process.pid == pid


def test_a_service_that_cannot_run_says_so_in_a_sentence() -> None:
    why = "no schema: migrate first"
    ended = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("served.py"))],
        env={**os.environ, "KURS_PORT": "0", "KURS_TEST_CANNOT_RUN": why},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )

    assert ended.returncode == 3
    assert [json.loads(line)["event"] for line in ended.stdout.splitlines()][-1] == why
    assert "Traceback" not in ended.stdout + ended.stderr

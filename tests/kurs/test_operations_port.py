"""Probes and metrics have a port of their own, which the clients of the other cannot fill."""

import json
import os
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from socket import AF_INET6, create_connection, create_server

import pytest

from devstack.ports import LOOPBACK, free_ports
from devstack.processes import ManagedProcess, stop_all
from devstack.readiness import wait_ready
from devstack.topology import OPERATIONS

_SECONDS = 60
_SERVICE = Path(__file__).with_name("served.py")
_CONNECTIONS = 20


def _binds_ipv6() -> bool:
    try:
        with create_server(("::1", 0), family=AF_INET6):
            return True
    except OSError:
        return False


has_ipv6 = _binds_ipv6()


@contextmanager
def started(folder: Path, **environment: str) -> Iterator[ManagedProcess]:
    """Run the service with more variables until it is ready."""
    (port,) = free_ports(1, beside=OPERATIONS)
    process = ManagedProcess(
        "served",
        [sys.executable, str(_SERVICE)],
        environment={
            **os.environ,
            "KURS_PORT": str(port),
            "KURS_OPERATIONS_PORT": str(port + OPERATIONS),
            "KURS_DRAIN_SECONDS": "0",
            "KURS_MAX_CONNECTIONS": str(_CONNECTIONS),
            **environment,
        },
        folder=folder,
        log=folder / "log",
        port=port,
        operations_port=port + OPERATIONS,
    )
    process.start()
    try:
        wait_ready([process], _SECONDS)
        yield process
    finally:
        stop_all([process])


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ManagedProcess]:
    with started(tmp_path_factory.mktemp("served")) as process:
        yield process


def ask(port: int | None, path: str, address: str = LOOPBACK) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(f"http://{address}:{port}{path}", timeout=_SECONDS) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read()


def test_each_port_answers_its_own_and_nothing_else(service: ManagedProcess) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        assert ask(service.probe_port, path)[0] == 200
        assert ask(service.port, path)[0] == 404
    assert ask(service.port, "/sleep?seconds=0") == (200, b'"slept"')
    for path in ("/sleep?seconds=0", "/openapi.json", "/docs", "/internal/config"):
        status, body = ask(service.probe_port, path)
        assert (status, json.loads(body)["code"]) == (404, "not_found")
    assert b"http_server_open_connections" in ask(service.probe_port, "/metrics")[1]


def test_head_is_wherever_get_is(service: ManagedProcess) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        connection = HTTPConnection(LOOPBACK, service.probe_port, timeout=_SECONDS)
        connection.request("HEAD", path)
        answer = connection.getresponse()
        assert (path, answer.status, answer.read()) == (path, 200, b"")
        connection.close()


def test_a_connection_goes_on_after_a_fault(service: ManagedProcess) -> None:
    connection = HTTPConnection(LOOPBACK, service.port, timeout=_SECONDS)
    connection.connect()
    kept = connection.sock
    for path, status in (("/fault", 500), ("/sleep?seconds=0", 200)) * 3:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status
        assert connection.sock is kept
    connection.close()


@pytest.mark.skipif(not has_ipv6, reason="this machine has no IPv6")
def test_without_a_host_both_ports_are_on_addresses_of_both_families(tmp_path: Path) -> None:
    with started(tmp_path, KURS_HOST="") as service:
        for address in (LOOPBACK, "[::1]"):
            assert ask(service.port, "/sleep?seconds=0", address)[0] == 200
            assert ask(service.probe_port, "/readyz", address)[0] == 200


def test_clients_of_the_main_port_take_no_place_of_the_other(service: ManagedProcess) -> None:
    with ExitStack() as opened:
        for number in range(_CONNECTIONS + 5):
            connection = create_connection((LOOPBACK, service.port), timeout=_SECONDS)
            opened.enter_context(connection)
            # What is one too many is told so; the others wait for their first byte.
            assert number < _CONNECTIONS or b" 503 " in connection.recv(65_536)
        assert ask(service.probe_port, "/readyz")[0] == 200
        text = ask(service.probe_port, "/metrics")[1].decode()
    assert f"http_server_open_connections {_CONNECTIONS}.0" in text
    assert 'http_server_connections_ended_total{code="too_many_connections"} 5.0' in text


def test_a_process_that_stops_says_so_there(tmp_path: Path) -> None:
    with started(tmp_path, KURS_DRAIN_SECONDS="1") as service:
        service.signal(signal.SIGTERM)
        deadline = time.monotonic() + _SECONDS
        while ask(service.probe_port, "/readyz")[0] != 503:
            assert time.monotonic() < deadline
        assert service.wait(_SECONDS)
    assert service.exit_code == 0


def test_a_taken_port_is_named(service: ManagedProcess, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    second = ManagedProcess(
        "second",
        service.command,
        environment={**service.environment, "KURS_PORT": str(port)},
        folder=tmp_path,
        log=tmp_path / "second.log",
        port=port,
    )
    second.start()
    try:
        assert second.wait(_SECONDS)
        assert second.exit_code == 3
        assert "no operations port" in second.log_end()
    finally:
        stop_all([second])

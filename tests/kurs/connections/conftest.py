"""The process that all of these connect to."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.kurs.connections.opener import SECONDS, Opener

from devstack.ports import free_ports
from devstack.processes import ManagedProcess, stop_all
from devstack.readiness import wait_ready

_SERVICE = Path(__file__).parents[1] / "served.py"


_BOUNDS = {
    "KURS_HEAD_SECONDS": "1.5",
    "KURS_BODY_SECONDS": "1.5",
    "KURS_ANSWER_SECONDS": "1.5",
    "KURS_KEEP_ALIVE_SECONDS": "2",
    "KURS_DRAIN_SECONDS": "0",
    "KURS_MAX_CONNECTIONS": "30",
    "KURS_MAX_CONNECTIONS_PER_ADDRESS": "20",
}


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ManagedProcess]:
    folder, port = tmp_path_factory.mktemp("served"), free_ports(1)[0]
    process = ManagedProcess(
        "served",
        [sys.executable, str(_SERVICE)],
        environment={**os.environ, "KURS_PORT": str(port), **_BOUNDS},
        folder=folder,
        log=folder / "log",
        port=port,
    )
    process.start()
    try:
        wait_ready([process], SECONDS)
        yield process
        assert "Traceback" not in (folder / "log").read_text()
    finally:
        stop_all([process])


@pytest.fixture
def open_connection(service: ManagedProcess) -> Iterator[Opener]:
    opener = Opener(service.port)
    yield opener
    opener.close()

"""Waiting for services: the sentence says which one is not ready, why, and what it last wrote."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devstack.errors import StackError
from devstack.ports import free_ports
from devstack.processes import ManagedProcess, stop_all
from devstack.readiness import probe, wait_ready, wait_settled

SERVER = """
import http.server, json
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response({status})
        self.end_headers()
        self.wfile.write({body!r}.encode())
    def log_message(self, *_): pass
print('listening', flush=True)
http.server.HTTPServer(('127.0.0.1', {port}), Handler).serve_forever()
"""
READY = '{"status": "ready", "checks": {"database": true}}'
NOT_READY = '{"status": "not ready", "checks": {"database": true, "rates": false}}'

Serve = Callable[..., ManagedProcess]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[[str, str], ManagedProcess]]:
    started: list[ManagedProcess] = []

    def run(name: str, code: str) -> ManagedProcess:
        port = free_ports(1)[0]
        process = ManagedProcess(
            name,
            [sys.executable, "-c", code.replace("{port}", str(port))],
            environment=dict(os.environ),
            folder=tmp_path,
            log=tmp_path / f"{name}.log",
            port=port,
        )
        started.append(process)
        process.start()
        return process

    yield run
    stop_all(started)


def server(status: int, body: str) -> str:
    return SERVER.replace("{status}", str(status)).replace("{body!r}", repr(body))


def test_it_returns_when_every_service_is_ready_and_tells_of_each(run: Serve) -> None:
    told: list[str] = []

    wait_ready(
        [run("a", server(200, READY)), run("b", server(200, READY))], 60, on_ready=told.append
    )

    assert sorted(told) == ["a", "b"]


def test_a_service_that_ends_is_named_with_its_code_and_last_words(run: Serve) -> None:
    broken = run(
        "wallet",
        "print('no keys of quotes: set a file'); raise SystemExit(3)",
    )

    with pytest.raises(StackError) as raised:
        wait_ready([broken], 60)

    assert "wallet ended at its start with code 3" in str(raised.value)
    assert "no keys of quotes: set a file" in str(raised.value)


def test_a_service_that_stays_unready_is_named_with_what_it_lacks(run: Serve) -> None:
    late = run("fx", server(503, NOT_READY))
    while probe(late.port or 0)[1] == "it does not answer":
        pass

    with pytest.raises(StackError, match=r"fx did not get ready within 0.2 s, not ready: rates;"):
        wait_ready([late], 0.2)


def test_a_process_without_a_port_must_stay_alive(run: Serve, tmp_path: Path) -> None:
    late = run("fx", server(503, NOT_READY))
    operator = run("operator", "print('the samples are broken'); raise SystemExit(2)")

    with pytest.raises(StackError, match="operator ended at its start with code 2"):
        wait_ready([late], 60, also_alive=[operator])


def test_an_answer_that_is_not_understood_is_said_to_be_so(run: Serve) -> None:
    odd = run("fx", server(503, "<html>"))
    while probe(odd.port or 0)[1] == "it does not answer":
        pass

    assert probe(odd.port or 0) == (False, "its answer on /readyz is not understood")


def test_what_a_ready_service_still_lacks_is_waited_for_but_not_for_ever(run: Serve) -> None:
    lacking = run("risk", server(200, '{"status": "ready", "checks": {}, "rates": false}'))
    settled = run("fx", server(200, '{"status": "ready", "checks": {}, "rates": true}'))
    wait_ready([lacking, settled], 60)

    assert wait_settled([settled], 60)
    assert not wait_settled([lacking, settled], 0.1)

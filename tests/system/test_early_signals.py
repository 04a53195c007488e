"""A process that still waits for what it needs ends when it is told to, and says so in a line."""

import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from devstack.ports import LOOPBACK
from devstack.processes import ManagedProcess, stop_all
from kurs.quotes.keys import ensure_key_files

_SECONDS = 120
_STORES = ("payments", "risk", "wallet", "webhooks")
COMMANDS = {
    **{f"{name} migrate": ["-m", name, "migrate"] for name in _STORES},
    "wallet verify": ["-m", "wallet", "verify"],
    "payments resume": ["-m", "payments", "resume", "--all"],
}
_CLUSTER = """
{{apiVersion: v1, kind: Config, current-context: c,
  contexts: [{{name: c, context: {{cluster: c, user: u}}}}],
  clusters: [{{name: c, cluster: {{server: "http://{host}:{port}"}}}}],
  users: [{{name: u, user: {{token: t}}}}]}}
"""


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A database's server that takes connections and says nothing."""
    with socket.create_server((LOOPBACK, 0)) as server:
        server.settimeout(_SECONDS)
        yield server


def ended(
    folder: Path, silent: socket.socket, arguments: list[str], number: signal.Signals
) -> tuple[int | None, str]:
    """Start a program, signal it once it waits, and return its exit code and what it said."""
    port, verify_keys = silent.getsockname()[1], folder / "verify.pem"
    ensure_key_files(folder / "signing.pem", verify_keys)
    (folder / "kubeconfig").write_text(_CLUSTER.format(host=LOOPBACK, port=port))
    process = ManagedProcess(
        "early",
        [sys.executable, *arguments],
        environment={
            **os.environ,
            "KURS_PORT": "0",
            "KURS_NAMESPACE": "kurs",
            "KURS_QUOTE_VERIFY_KEYS_FILE": str(verify_keys),
            "KUBECONFIG": str(folder / "kubeconfig"),
            "KURS_DATABASE_URL": f"postgresql://kurs@{LOOPBACK}:{port}/kurs?sslmode=disable",
        },
        folder=folder,
        log=folder / "log",
    )
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # Where the tests run behind `nohup` or `&` what they start would ignore it, too.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    process.start()
    with ExitStack() as last:
        last.callback(stop_all, [process], 0)
        last.enter_context(silent.accept()[0])
        process.signal(number)
        assert process.wait(_SECONDS)
        return process.exit_code, process.log.read_text()


@pytest.mark.parametrize("name", _STORES)
def test_a_service_that_waits_for_its_database_ends_in_order(
    name: str, silent: socket.socket, tmp_path: Path
) -> None:
    code, log = ended(tmp_path, silent, ["-m", name], signal.SIGTERM)

    assert code == 0
    assert "told to end before it had started" in log.splitlines()[-1]
    assert '"level":"error"' not in log


def test_an_operator_that_waits_for_its_cluster_ends_in_order(
    silent: socket.socket, tmp_path: Path
) -> None:
    code, log = ended(tmp_path, silent, ["-m", "kurs_operator"], signal.SIGTERM)

    assert code == 0
    assert '"level":"error"' not in log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_waits_ends_with_one_line(
    name: str, number: signal.Signals, silent: socket.socket, tmp_path: Path
) -> None:
    service = name.split()[0]

    assert ended(tmp_path, silent, COMMANDS[name], number) == (
        128 + number,
        f"{service}: ended by {number.name}\n",
    )

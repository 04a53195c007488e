"""Waits until services answer `/readyz`, and says clearly which one does not and why."""

import http.client
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from devstack.errors import StackError
from devstack.ports import LOOPBACK
from devstack.processes import ManagedProcess

_POLL_SECONDS = 0.05
_PROBE_SECONDS = 2.0


def wait_ready(
    processes: Sequence[ManagedProcess],
    seconds: float,
    *,
    also_alive: Sequence[ManagedProcess] = (),
    on_ready: Callable[[str], None] = lambda _: None,
) -> None:
    """Return when every process that has a port answers 200 on `/readyz`.

    Raises StackError when one ends before that, one of `also_alive` included, or when `seconds`
    pass; the message has what is not ready and the last lines of the log.
    """
    deadline = time.monotonic() + seconds
    pending = [process for process in processes if process.port is not None]
    answers: dict[str, str] = {}
    while pending:
        for process in list(pending):
            _require_alive(process)
            ready, answers[process.name] = probe(process.probe_port or 0)
            if ready:
                pending.remove(process)
                on_ready(process.name)
        for process in also_alive:
            _require_alive(process)
        if pending and time.monotonic() > deadline:
            raise StackError(_late(pending, answers, seconds))
        if pending:
            time.sleep(_POLL_SECONDS)


def probe(port: int) -> tuple[bool, str]:
    """Ask a service whether it is ready; returns the answer and what is missing, as text."""
    status, document = _readyz(port)
    if status == 0:
        return False, "it does not answer"
    checks = document.get("checks")
    if not isinstance(checks, dict):
        return status == 200, "its answer on /readyz is not understood"
    missing = ", ".join(name for name, ready in checks.items() if not ready)
    return status == 200, f"not ready: {missing}"


def wait_settled(processes: Sequence[ManagedProcess], seconds: float) -> bool:
    """Wait until ready services also report as true what they can begin without.

    risk serves before it has rates from fx, but sends payments to review until then. Returns
    False when `seconds` pass first: no rates at all is a state that somebody may want to look at.
    """
    deadline = time.monotonic() + seconds
    ports = [process.probe_port for process in processes if process.probe_port is not None]
    while not all(_reports_true(port) for port in ports):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _reports_true(port: int) -> bool:
    _, document = _readyz(port)
    return all(value for value in document.values() if isinstance(value, bool))


def _readyz(port: int) -> tuple[int, dict[str, Any]]:
    """Return the status and the document of /readyz, status 0 when there is no answer."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=_PROBE_SECONDS)
    try:
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        document = json.loads(response.read(65_536))
        return response.status, document if isinstance(document, dict) else {}
    except ValueError:
        return response.status, {}
    except (OSError, http.client.HTTPException):
        return 0, {}
    finally:
        connection.close()


def _require_alive(process: ManagedProcess) -> None:
    if not process.running():
        raise StackError(
            f"{process.name} ended at its start with code {process.exit_code}; "
            f"the end of {process.log}:\n{process.log_end()}"
        )


def _late(pending: Sequence[ManagedProcess], answers: dict[str, str], seconds: float) -> str:
    # Services start from the ledger outwards: the first that is late holds up the others.
    first = pending[0]
    others = ", ".join(process.name for process in pending[1:])
    waiting = f" (and {others})" if others else ""
    return (
        f"{first.name}{waiting} did not get ready within {seconds:g} s, {answers[first.name]}; "
        f"the end of {first.log}:\n{first.log_end()}"
    )

"""Waits until services answer `/readyz`, and says clearly which one does not and why."""

import http.client
import json
import time
from collections.abc import Callable, Sequence

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
            ready, answers[process.name] = probe(process.port or 0)
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
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=_PROBE_SECONDS)
    try:
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        return response.status == 200, _missing(response.read(65_536))
    except (OSError, http.client.HTTPException):
        return False, "it does not answer"
    finally:
        connection.close()


def _missing(body: bytes) -> str:
    try:
        checks = json.loads(body)["checks"]
        return "not ready: " + ", ".join(name for name, ready in checks.items() if not ready)
    except (ValueError, KeyError, TypeError, AttributeError):
        return "its answer on /readyz is not understood"


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

"""What the services tell about themselves while they are measured, and who takes their spans."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from devstack.ports import LOOPBACK

EACH = "each"
_NO_METRICS = {"KURS_METRICS_ENABLED": "false"}
_NO_TRACES = {"KURS_TRACE_RATIO": "0"}
VARIABLES = {
    "on": {},
    "no-metrics": _NO_METRICS,
    "no-traces": _NO_TRACES,
    "neither": _NO_METRICS | _NO_TRACES,
}
"""Variables of the services by what `--telemetry` chooses; `each` is one after the other.

Without metrics the services count nothing, so there are no figures of batches and transactions.
"""
TEXT = {
    "on": "on (metrics, logs, traces at 1 % sent to a collector)",
    "no-metrics": "on but for metrics",
    "no-traces": "on but for traces",
    "neither": "logs only",
    EACH: "as each system's name says (logs always, traces at 1 % sent to a collector)",
}


def variants(chosen: str) -> dict[str, dict[str, str]]:
    """Return the services' variables by what follows the system's name."""
    if chosen != EACH:
        return {"": VARIABLES[chosen]}
    return {"" if name == "on" else f", {name}": found for name, found in VARIABLES.items()}


@contextmanager
def collector() -> Iterator[str]:
    """Yield the OTLP endpoint of a collector that takes spans and forgets them.

    A service that has none to send to would be spared the cost of it.
    """
    server = ThreadingHTTPServer((LOOPBACK, 0), _Forgetful)
    worker = Thread(target=server.serve_forever, name="collector", daemon=True)
    worker.start()
    try:
        yield f"http://{LOOPBACK}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class _Forgetful(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

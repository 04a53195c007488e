"""A real OpenTelemetry Collector with the committed file on loopback, and the store behind it."""

import gzip
import os
import shutil
import socket
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from devstack.ports import LOOPBACK, free_ports

CONFIG = Path(__file__).parents[2] / "observability" / "collector.yaml"
_KNOWN = os.environ.get("KURS_OTELCOL") or shutil.which("otelcol-contrib")
needs_collector = pytest.mark.skipif(
    not _KNOWN,
    reason="no otelcol-contrib on PATH: get it from "
    "https://github.com/open-telemetry/opentelemetry-collector-releases/releases, or build one by "
    "tests/observability/collector/build FOLDER (it needs Go) and set KURS_OTELCOL=FOLDER/otelcol",
)
_PATIENCE_SECONDS = 60.0


class Store(ThreadingHTTPServer):
    """Takes spans by OTLP over HTTP; `kept` has the ids of those of each trace, in hexadecimal."""

    def __init__(self) -> None:
        super().__init__((LOOPBACK, 0), _Handler)
        self.kept: defaultdict[str, set[str]] = defaultdict(set)

    def take(self, request: ExportTraceServiceRequest) -> None:
        """Remember the spans of a request."""
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.kept[span.trace_id.hex()].add(span.span_id.hex())


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Store

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.take(ExportTraceServiceRequest.FromString(body))
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class RunningCollector:
    """A Collector that takes OTLP over HTTP at `endpoint`; what it keeps goes to a store."""

    endpoint: str
    kept: Mapping[str, set[str]]
    process: subprocess.Popen[bytes]
    log: Path

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        """Return when `condition` holds; fails the test with the Collector's log otherwise."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not condition():
            ended = self.process.poll() is not None
            if ended or time.monotonic() > deadline:
                pytest.fail(f"the Collector did not {what}:\n{self.log.read_text('utf-8')}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Let it decide on what it has, send that, and end."""
        self.process.terminate()
        assert self.process.wait(_PATIENCE_SECONDS) == 0, self.log.read_text("utf-8")


def policies() -> dict[str, dict[str, Any]]:
    """Return what the committed file keeps traces for, by name."""
    sampling = yaml.safe_load(CONFIG.read_text("utf-8"))["processors"]["tail_sampling"]
    return {policy["name"]: policy for policy in sampling["policies"]}


@contextmanager
def collector(folder: Path, *, decision_wait: str) -> Iterator[RunningCollector]:
    """Run a Collector with the committed file, but for its addresses and how long it waits."""
    assert _KNOWN is not None
    (port,) = free_ports(1)
    with _store() as store:
        override = folder / "override.yaml"
        override.write_text(yaml.safe_dump(_override(port, store.server_port, decision_wait)))
        command = [_KNOWN, f"--config=file:{CONFIG}", f"--config=file:{override}"]
        log = folder / "collector.log"
        with log.open("wb") as stream:
            process = subprocess.Popen(command, stdout=stream, stderr=stream)
        running = RunningCollector(f"http://{LOOPBACK}:{port}", store.kept, process, log)
        try:
            running.wait_until(lambda: _listens(port), "start")
            yield running
        finally:
            process.kill()
            process.wait()


@contextmanager
def _store() -> Iterator[Store]:
    with Store() as store:
        worker = Thread(target=store.serve_forever, name="store", daemon=True)
        worker.start()
        try:
            yield store
        finally:
            store.shutdown()
            worker.join()


def _override(port: int, store: int, decision_wait: str) -> dict[str, object]:
    return {
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"{LOOPBACK}:{port}"}}}},
        "processors": {"tail_sampling": {"decision_wait": decision_wait}},
        "exporters": {"otlp_http": {"endpoint": f"http://{LOOPBACK}:{store}"}},
        # Else its own metrics take port 8888.
        "service": {"telemetry": {"metrics": {"level": "none"}}},
    }


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0

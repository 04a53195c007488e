"""Spans reach a collector by OTLP over HTTP, and are counted when they do not."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from kurs.telemetry import Telemetry

EXPORTED = "kurs_trace_spans_exported_total"


class Collector(HTTPServer):
    """Takes what is posted to it and answers `status`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.received: list[tuple[str, bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.path, body))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_request(self, *_: object) -> None:
        return


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def make(endpoint: str) -> Telemetry:
    return Telemetry.create(
        "risk", instance="risk-1", trace_ratio=1.0, otlp_endpoint=endpoint, log_level="error"
    )


def test_shutdown_sends_what_is_left(collector: Collector) -> None:
    telemetry = make(collector.url)
    telemetry.tracer.start_span("score").end()
    telemetry.shutdown()

    ((path, body),) = collector.received
    assert path == "/v1/traces"
    (sent,) = ExportTraceServiceRequest.FromString(body).resource_spans
    assert [span.name for span in sent.scope_spans[0].spans] == ["score"]
    attributes = {a.key: a.value.string_value for a in sent.resource.attributes}
    assert attributes["service.name"] == "risk"
    assert attributes["service.instance.id"] == "risk-1"
    assert telemetry.registry.get_sample_value(EXPORTED, {"result": "sent"}) == 1.0


def test_spans_that_a_collector_refuses_are_counted_as_lost(collector: Collector) -> None:
    collector.status = 400
    telemetry = make(collector.url)
    telemetry.tracer.start_span("score").end()
    telemetry.shutdown()

    assert telemetry.registry.get_sample_value(EXPORTED, {"result": "lost"}) == 1.0


def test_without_an_endpoint_nothing_is_sent() -> None:
    telemetry = make("")
    telemetry.tracer.start_span("score").end()
    telemetry.shutdown()

    assert telemetry.registry.get_sample_value(EXPORTED, {"result": "sent"}) is None

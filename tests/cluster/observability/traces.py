"""Traces as the store of the cluster has them, read back by Jaeger's API."""

import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from tests.cluster.observability.http_api import fetch, forwarded
from tests.cluster.shell import get

_PORT = 16686


@dataclass(frozen=True, slots=True)
class Span:
    """One span; `parent` and `links` are ids of spans."""

    id: str
    name: str
    service: str
    parent: str
    links: tuple[str, ...]
    tags: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TraceStore:
    """Where spans went by OTLP."""

    address: str

    def trace(self, trace: str) -> list[Span]:
        """Return the spans of a trace; none while it is not known."""
        status, document = fetch(f"{self.address}/api/traces/{trace}")
        return _spans(document) if status == 200 else []

    def linked_to(self, service: str, name: str, trace: str) -> list[Span]:
        """Return the latest spans of a name that link to a trace."""
        wanted = {"service": service, "operation": name, "limit": "200", "lookback": "1h"}
        query = urllib.parse.urlencode(wanted)
        status, document = fetch(f"{self.address}/api/traces?{query}")
        assert status == 200, document
        known = {span.id for span in self.trace(trace)}
        return [s for s in _spans(document) if s.name == name and known & set(s.links)]


@contextmanager
def trace_store() -> Iterator[TraceStore]:
    """Yield the store of the cluster; skips when it does not speak Jaeger's API."""
    ports = {port["port"] for port in get("monitoring", "service", "tempo")["spec"]["ports"]}
    if _PORT not in ports:
        pytest.skip("traces are read back by Jaeger's API, which this store does not have")
    with forwarded("monitoring", "tempo", _PORT) as address:
        yield TraceStore(address)


def _spans(document: Any) -> list[Span]:
    return [
        _span(span, trace["processes"][span["processID"]]["serviceName"])
        for trace in document["data"]
        for span in trace["spans"]
    ]


def _span(span: Any, service: str) -> Span:
    references = span["references"]
    # Jaeger calls a link FOLLOWS_FROM; the parent comes first.
    parents = [r["spanID"] for r in references if r["refType"] == "CHILD_OF"]
    return Span(
        id=span["spanID"],
        name=span["operationName"],
        service=service,
        parent=parents[0] if parents else "",
        links=tuple(r["spanID"] for r in references if r["refType"] == "FOLLOWS_FROM"),
        tags={tag["key"]: tag["value"] for tag in span["tags"]},
    )

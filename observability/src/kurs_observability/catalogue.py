"""Every metric that the code of Kurs makes, read from the registries of its real apps."""

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from kurs.telemetry.export import CountedExporter
from kurs.telemetry.metrics import Metrics
from kurs_operator.app import create_app as create_operator
from kurs_operator.settings import OperatorSettings
from kurs_testing.edges import write_keys
from kurs_testing.joined import JoinedGateway
from kurs_testing.telemetry import RecordingTelemetry

SAMPLES = Path(__file__).resolve().parents[3] / "k8s" / "samples"
EVERY_PROCESS = "every process"
_SUFFIXES = {
    "counter": ("_total",),
    "histogram": ("_bucket", "_sum", "_count"),
    "gauge": ("",),
}


@dataclass(frozen=True, slots=True)
class Described:
    """A metric: the name as queries say it (without a histogram's suffixes), and who has it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    documentation: str
    owners: tuple[str, ...]

    def series(self) -> Iterator[tuple[str, frozenset[str]]]:
        """Yield the names that Prometheus stores, with the labels of each."""
        own = frozenset(self.labels)
        if self.kind != "histogram":
            yield self.name, own
            return
        for suffix in _SUFFIXES["histogram"]:
            yield self.name + suffix, own | {"le"} if suffix == "_bucket" else own


def describe() -> list[Described]:
    """Return every metric, by name; builds the apps but starts none."""
    found: dict[str, Described] = {}
    for owner, registry in _registries():
        for kind, name, labels, documentation in _metrics(registry):
            known = found.get(name)
            owners = (*known.owners, owner) if known else (owner,)
            found[name] = Described(name, kind, labels, documentation.rstrip("."), owners)
    return [found[name] for name in sorted(found)]


def _registries() -> Iterator[tuple[str, CollectorRegistry]]:
    common = Metrics(process=True)
    CountedExporter(InMemorySpanExporter(), common)
    yield EVERY_PROCESS, common.registry
    with tempfile.TemporaryDirectory() as folder:
        telemetry = RecordingTelemetry("kurs-operator")
        keys = write_keys(Path(folder) / "edge-keys")
        settings = OperatorSettings(namespace="kurs", edge_keys_dir=keys)
        create_operator(settings, telemetry=telemetry).build_middleware_stack()
        yield "kurs-operator", telemetry.registry
        gateway = JoinedGateway(Path(folder), SAMPLES)
        for name in sorted(gateway.telemetry):
            # The layers of an app, whose metrics count requests, are made at its start.
            gateway.apps[name].build_middleware_stack()
            yield name, gateway.telemetry[name].registry


def _metrics(registry: CollectorRegistry) -> Iterator[tuple[str, str, tuple[str, ...], str]]:
    # prometheus_client tells the label names of an instrument without children nowhere else.
    collectors: Iterable[Any] = registry._collector_to_names
    for collector in list(collectors):
        if isinstance(collector, MetricWrapperBase):
            kind, name = str(collector._type), collector._name
            yield kind, _said(kind, name), tuple(collector._labelnames), collector._documentation
            continue
        for family in collector.collect():
            labels = tuple(getattr(family, "_labelnames", ()))
            yield family.type, _said(family.type, family.name), labels, family.documentation


def _said(kind: str, name: str) -> str:
    return f"{name}_total" if kind == "counter" else name

"""What the services count about themselves, read from their `/metrics` before and after a case."""

import http.client
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families

_GATEWAY = "api-gateway"


@dataclass(frozen=True, slots=True)
class Counters:
    """Totals over all services; `batches` has the number of batches and of items by batcher.

    A batcher's name is `<service>/<batcher>`. `requests` are those that services answered to
    each other: the ones at the gateway come from outside and are left out.
    """

    requests: float = 0.0
    reads: float = 0.0
    writes: float = 0.0
    batches: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def since(self, before: "Counters") -> "Counters":
        """Return what was added since `before`."""
        batches = {}
        for name, (number, items) in self.batches.items():
            old_number, old_items = before.batches.get(name, (0.0, 0.0))
            if number > old_number:
                batches[name] = (number - old_number, items - old_items)
        return Counters(
            self.requests - before.requests,
            self.reads - before.reads,
            self.writes - before.writes,
            batches,
        )

    def mean_batches(self) -> dict[str, float]:
        """Return the mean number of items a batch, by batcher."""
        return {name: items / number for name, (number, items) in sorted(self.batches.items())}


def scrape(urls: Mapping[str, str]) -> Counters:
    """Read the counters of all services; `urls` has the base URL of each by name."""
    return combine({name: _metrics(url) for name, url in urls.items()})


def combine(expositions: Mapping[str, str]) -> Counters:
    """Return the totals of Prometheus text expositions by service name."""
    requests = reads = writes = 0.0
    batches: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for service, text in expositions.items():
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                labels = sample.labels
                if sample.name == "http_server_request_duration_seconds_count":
                    requests += sample.value if service != _GATEWAY else 0.0
                elif sample.name == "kurs_database_transactions_total":
                    reads += sample.value if labels["kind"] == "read" else 0.0
                    writes += sample.value if labels["result"] == "committed" else 0.0
                elif sample.name == "kurs_batch_size_count":
                    batches[f"{service}/{labels['batcher']}"][0] += sample.value
                elif sample.name == "kurs_batch_size_sum":
                    batches[f"{service}/{labels['batcher']}"][1] += sample.value
    pairs = {name: (number, items) for name, (number, items) in batches.items()}
    return Counters(requests, reads, writes, pairs)


def _metrics(url: str) -> str:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    try:
        connection.request("GET", "/metrics", headers={"Accept": "text/plain"})
        return connection.getresponse().read().decode()
    finally:
        connection.close()

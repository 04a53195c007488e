"""A Prometheus and a gateway in the cluster, by forwarded ports and plain HTTP."""

import json
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from typing import Any

_STEP = 2


@contextmanager
def forwarded(namespace: str, service: str, port: int) -> Iterator[str]:
    """Yield an address on this machine that leads to a service."""
    command = ["kubectl", "-n", namespace, "port-forward", f"service/{service}", f":{port}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            said = re.search(r"127\.0\.0\.1:(\d+)", child.stdout.readline())
            assert said is not None, "kubectl port-forward named no port"
            yield f"http://127.0.0.1:{said[1]}"
        finally:
            child.terminate()


def fetch(
    address: str, body: Any = None, headers: Sequence[tuple[str, str]] = ()
) -> tuple[int, Any]:
    """Return status and document of an answer, whatever its status; raises OSError without one."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data=data, headers=dict(headers))
    if data is not None:
        request.add_header("content-type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, _document(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, _document(error.read())


def _document(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A Prometheus by its HTTP API."""

    address: str

    def get(self, path: str, **parameters: str) -> Any:
        """Return the data of an answer; fails when Prometheus refuses the question."""
        query = urllib.parse.urlencode(parameters)
        status, document = fetch(f"{self.address}/api/v1/{path}?{query}")
        assert status == 200, document
        return document["data"]

    def query(self, expr: str) -> list[dict[str, Any]]:
        """Return the series of an instant query."""
        found: list[dict[str, Any]] = self.get("query", query=expr)["result"]
        return found

    def during(self, expr: str, began: float, ended: float) -> list[dict[str, Any]]:
        """Return the series that a query had at any moment of a time, as a graph shows them."""
        # The last step is the end itself: a rule may have been evaluated just before it.
        start = ended - ceil((ended - began) / _STEP) * _STEP
        found: list[dict[str, Any]] = self.get(
            "query_range", query=expr, start=str(start), end=str(ended), step=str(_STEP)
        )["result"]
        return found

    def now(self) -> float:
        """Return its time, in seconds."""
        return float(self.get("query", query="time()")["result"][1])

    def paging(self, alert: str, namespace: str) -> bool:
        """Tell whether an alert fires for a namespace, and would wake somebody."""
        of = f'alertname="{alert}",alertstate="firing",severity="critical",namespace="{namespace}"'
        return bool(self.query(f"ALERTS{{{of}}}"))


@dataclass(frozen=True, slots=True)
class Gateway:
    """The gateway of a release, with the key of its merchant."""

    address: str
    key: str

    def call(self, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Return status and document of an answer."""
        own = [("Authorization", f"Bearer {self.key}"), *headers.items()]
        return fetch(self.address + path, body, own)

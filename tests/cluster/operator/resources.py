"""Edits of rate sources and thresholds, and what their statuses and the pods say of them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from tests.cluster.installation import PORTS, Installation
from tests.cluster.operator.prices import PATH
from tests.cluster.shell import eventually, get

from kurs.config.resources import KINDS
from kurs_operator.documents import SERVICES

Content = Mapping[str, Any]
CONFIG_MAPS = {service.name: service.config_map for service in SERVICES.values()}
DESK = ("FXRateSource", "desk")
"""The source that most tests edit."""


def source(name: str, **spec: Any) -> dict[str, Any]:
    """Return a Static source of USD/IDR at priority 500, above every sample and near them.

    It is laxer than the samples, which have that pair through their base: so it has a ticket.
    """
    content = {
        "type": "Static",
        "baseCurrency": "USD",
        "priority": 500,
        "static": {"rates": {"IDR": "18000"}},
        "pairs": [{"quote": "IDR", "spreadBps": 25}],
        "changeTicket": "CHG-0",
    }
    return resource("FXRateSource", name, {**content, **spec})


def spread(bps: int) -> dict[str, Any]:
    """Return the source of the desk with this spread."""
    return source("desk", pairs=[{"quote": "IDR", "spreadBps": bps}])


def threshold(name: str, **spec: Any) -> dict[str, Any]:
    """Return a Shadow threshold with bounds in USD."""
    bounds = {"currency": "USD", "reviewAboveMinor": 100, "declineAboveMinor": 1000}
    return resource("RiskThreshold", name, {"mode": "Shadow", "perPayment": bounds, **spec})


def resource(kind: str, name: str, spec: Content) -> dict[str, Any]:
    """Return a resource; a field of its spec that is None is left out."""
    return {
        "apiVersion": "kurs.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {key: value for key, value in spec.items() if value is not None},
    }


@dataclass
class Resources:
    """The resources of one installation."""

    installation: Installation
    added: set[tuple[str, str]] = field(default_factory=set)

    def apply(self, *contents: Content) -> None:
        """Apply resources as a person does; raises CommandFailed with what the server says."""
        self.added |= {(content["kind"], content["metadata"]["name"]) for content in contents}
        self.installation.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(contents))

    def delete(self, kind: str, name: str) -> None:
        """Delete a resource."""
        self.added.discard((kind, name))
        self.installation.kubectl("delete", kind, name, "--ignore-not-found")

    def remove_added(self) -> None:
        """Delete what was applied here."""
        for kind in {kind for kind, _ in self.added}:
            names = [name for known, name in self.added if known == kind]
            self.installation.kubectl("delete", kind, *names, "--ignore-not-found", "--wait=false")
        self.added.clear()

    def get(self, kind: str, name: str) -> dict[str, Any]:
        """Return a resource as the server has it."""
        return get(self.installation.namespace, kind, name)

    def conditions(self, kind: str, name: str) -> dict[str, tuple[str, str]]:
        """Return state and reason by condition; nothing while the status is of another spec."""
        content = self.get(kind, name)
        status = content.get("status", {})
        if status.get("observedGeneration") != content["metadata"]["generation"]:
            return {}
        return {c["type"]: (c["status"], c["reason"]) for c in status["conditions"]}

    def wait_for(self, kind: str, name: str, condition: str, state: str, reason: str) -> None:
        """Wait until a condition is so for the newest generation."""
        eventually(
            f"{condition}={state} {reason} of {kind}/{name}",
            lambda: self.conditions(kind, name).get(condition) == (state, reason),
        )

    def wait_ready(self, kind: str, name: str, reason: str = "InForce") -> None:
        """Wait until a resource is ready."""
        self.wait_for(kind, name, "Ready", "True", reason)

    def wait_all_ready(self) -> None:
        """Wait until every resource of the namespace is ready."""
        for kind in KINDS:
            for item in get(self.installation.namespace, kind)["items"]:
                name = item["metadata"]["name"]
                eventually(
                    f"{kind}/{name} ready",
                    lambda k=kind, n=name: self.conditions(k, n).get("Ready", ("",))[0] == "True",
                )

    def document(self, service: str) -> dict[str, Any]:
        """Return the document in a service's ConfigMap."""
        found = get(self.installation.namespace, "configmap", CONFIG_MAPS[service])
        content: dict[str, Any] = json.loads(found["data"]["config.json"])
        return content

    def ask(self, service: str, path: str) -> dict[str, dict[str, Any]]:
        """Return what each ready pod of a service answers on a path."""
        names = self.installation.ready_pods(service)
        addresses = {
            pod["metadata"]["name"]: pod["status"]["podIP"]
            for pod in self.installation.pods(service)
            if pod["metadata"]["name"] in names
        }
        with self.installation.asking(service) as client:
            return {
                name: client.get(f"http://{address}:{PORTS[service]}{path}").json()
                for name, address in addresses.items()
            }

    def spreads(self) -> set[int]:
        """Return by which spreads the pods of fx sell rupiah for dollars."""
        return {rate["spread_bps"] for rate in self.ask("fx", PATH).values()}

    def events(self, kind: str, name: str) -> list[tuple[str, str]]:
        """Return type and reason of the Events about a resource, the oldest first."""
        chosen = f"involvedObject.uid={self.get(kind, name)['metadata']['uid']}"
        found = get(self.installation.namespace, "events", "--field-selector", chosen)["items"]
        found.sort(key=lambda event: event["eventTime"] or "")
        return [(event["type"], event["reason"]) for event in found]

    def metric(self, name: str) -> float:
        """Return the sum of the operator's samples of a metric."""
        [pod] = self.installation.ready_pods("operator")
        script = (
            "import urllib.request as u; "
            "print(u.urlopen('http://127.0.0.1:9464/metrics').read().decode())"
        )
        lines = self.installation.python(pod, script).splitlines()
        return sum(float(x.split()[-1]) for x in lines if x.startswith((f"{name} ", f"{name}{{")))

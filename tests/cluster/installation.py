"""A Kurs in a namespace of its own, installed by its chart as docs/operations.md says."""

import base64
import os
import re
import secrets
import socket
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from tests.cluster.shell import CommandFailed, eventually, get, kubectl, run
from tests.signing import EdgeAuth

from devstack.topology import DEFAULT_PORT, ports_from
from kurs.edges import EDGES
from kurs.edges.keys import Keys, file_name, read_keys
from kurs.edges.table import Edge

ROOT = Path(__file__).parents[2]
RELEASE = "kurs"
SERVICES = ("api-gateway", "payments", "fx", "wallet", "risk", "webhooks")
STORES = ("wallet", "payments", "risk", "webhooks")
"""Those that keep something in a database."""
PORTS = ports_from(DEFAULT_PORT)
TAG = os.environ.get("KURS_TEST_TAG", "dev")
NEXT_TAG = os.environ.get("KURS_TEST_NEXT_TAG", "next")
_READER = {"x-kurs-merchant": "demo", "x-kurs-key-id": "test", "x-kurs-roles": "read"}


def dns_peers() -> list[dict[str, Any]]:
    """Return NetworkPolicy peers for the cluster's DNS, which need not be a pod."""
    found = get("kube-system", "endpointslices", "-l", "kubernetes.io/service-name=kube-dns")
    outside = [
        {"ipBlock": {"cidr": f"{address}/32"}}
        for piece in found["items"]
        for endpoint in piece.get("endpoints") or ()
        if endpoint.get("targetRef", {}).get("kind") != "Pod"
        for address in endpoint["addresses"]
    ]
    pods = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    }
    return [pods, *outside]


def small_values() -> dict[str, Any]:
    """Return values for a small cluster that others use, too: requests below the need."""
    small = {"resources": {"requests": {"cpu": "20m"}}}
    return dict.fromkeys((*SERVICES, "postgresql"), small)


def create_namespace(name: str) -> None:
    """Make a namespace that admits what k8s/namespaces.yaml lets an environment have."""
    documents = yaml.safe_load_all((ROOT / "k8s" / "namespaces.yaml").read_text())
    document = next(documents)
    document["metadata"]["name"] = name
    run("kubectl", "create", "-f", "-", stdin=yaml.safe_dump(document))


@dataclass
class Installation:
    """A release in a namespace: `documents` is the folder of compiled configuration, `values`
    goes over those of its environment.
    """

    namespace: str
    documents: Path
    values: dict[str, Any] = field(default_factory=dict)
    environment: str = "dev"

    def upgrade(self, *arguments: str, helm: str = "helm") -> str:
        """Install or upgrade to what the arguments say, and wait until it is ready."""
        try:
            said = self.helm(
                *("upgrade", "--install", RELEASE, str(ROOT / "charts" / "kurs")),
                *("-f", str(self._environment()), "-f", "-"),
                *(
                    f"--set-file=config.documents.{name}={self._document(name)}"
                    for name in ("fx", "risk")
                ),
                *("--set", f"operator.enabled=false,global.image.tag={TAG}"),
                *("--wait", "--timeout", "10m", *arguments),
                stdin=yaml.safe_dump(small_values() | self.values | self._shared()),
                helm=helm,
            )
        except CommandFailed as error:
            raise AssertionError(f"{error}\n{self.describe()}") from None
        # Until risk has seen the first rates it lets a person decide.
        eventually("risk to have rates", self._has_rates)
        return said

    def helm(self, *arguments: str, stdin: str | None = None, helm: str = "helm") -> str:
        """Run Helm in the namespace."""
        return run(helm, "-n", self.namespace, *arguments, stdin=stdin)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl in the namespace."""
        return kubectl(self.namespace, *arguments, stdin=stdin)

    def pods(self, component: str = "") -> list[dict[str, Any]]:
        """Return the pods of a component, or of all, that run and are not on their way out."""
        chosen = f",app.kubernetes.io/component={component}" if component else ""
        listed = get(self.namespace, "pods", "-l", f"app.kubernetes.io/part-of=kurs{chosen}")
        return [
            pod
            for pod in listed["items"]
            if "deletionTimestamp" not in pod["metadata"]
            and pod["status"]["phase"] not in ("Succeeded", "Failed")
        ]

    def ready_pods(self, component: str) -> list[str]:
        """Return the names of the pods of a component that serve."""
        return [
            pod["metadata"]["name"]
            for pod in self.pods(component)
            if any(
                c["type"] == "Ready" and c["status"] == "True"
                for c in pod["status"].get("conditions", ())
            )
        ]

    def wait_ready(self, *components: str) -> None:
        """Wait until each component has a pod that serves."""
        for component in components or SERVICES:
            eventually(f"a ready pod of {component}", lambda c=component: self.ready_pods(c))

    def secret(self, name: str) -> dict[str, str]:
        """Return what a Secret holds, as text."""
        data = get(self.namespace, "secret", name)["data"]
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    def make_edge_keys(self, edges: Iterable[Edge] = EDGES) -> None:
        """Make the Secrets of edges as docs/operations.md says, where no chart makes them."""
        for edge in edges:
            key = f"--from-literal=keys={secrets.token_hex(32)}"
            self.kubectl("create", "secret", "generic", f"kurs-edge-{file_name(edge)}", key)

    def asking(self, service: str) -> httpx.Client:
        """Return a client of a service's pods, as the one whose the asked route is."""

        @cache
        def keys(edge: Edge) -> Keys:
            return read_keys(self.secret(f"kurs-edge-{file_name(edge)}")["keys"].encode())

        return httpx.Client(timeout=5, auth=EdgeAuth(service, keys=keys), headers=_READER)

    def api_key(self) -> str:
        """Return the text of the generated API key."""
        return self.secret("kurs-api-keys")["api-key"]

    def gateway(self) -> str:
        """Return the gateway's address behind its Service; skips where that cannot be reached."""
        address = get(self.namespace, "service", "api-gateway")["spec"]["clusterIP"]
        try:
            socket.create_connection((address, PORTS["api-gateway"]), timeout=5).close()
        except OSError:
            pytest.skip(
                "addresses of Services cannot be reached from here, and a port-forward would pin "
                "the load to one pod: run the tests within the cluster's network"
            )
        return f"http://{address}:{PORTS['api-gateway']}"

    @contextmanager
    def port_forward(self) -> Iterator[str]:
        """Forward a free local port to the gateway; yields the base address."""
        process = subprocess.Popen(
            ["kubectl", "-n", self.namespace, "port-forward", "service/api-gateway", ":8080"],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            said = re.search(r"127\.0\.0\.1:(\d+)", process.stdout.readline())
            assert said is not None, "kubectl port-forward named no port"
            yield f"http://127.0.0.1:{said[1]}"
        finally:
            process.terminate()
            process.communicate()

    def python(self, pod: str, script: str, *arguments: str) -> str:
        """Run a Python script in a pod and return what it printed."""
        return self.kubectl("exec", pod, "--", "python", "-c", script, *arguments)

    def describe(self) -> str:
        """Return what a person would look at first."""
        shown: Sequence[Sequence[str]] = (
            ("get", "pods", "-o", "wide"),
            ("get", "events", "--field-selector", "type=Warning"),
        )
        return "\n".join(self.kubectl(*command) for command in shown)

    def _has_rates(self) -> bool:
        script = (
            "import json, urllib.request as u;"
            "print(json.load(u.urlopen('http://127.0.0.1:9464/readyz'))['rates'])"
        )
        pods = self.ready_pods("risk")
        return bool(pods) and all(self.python(pod, script).strip() == "True" for pod in pods)

    def _shared(self) -> dict[str, Any]:
        shared = self.values.get("global", {})
        network = {"dns": dns_peers(), **shared.get("network", {})}
        return {"global": {**shared, "network": network}}

    def _environment(self) -> Path:
        return ROOT / "k8s" / "environments" / f"{self.environment}.yaml"

    def _document(self, name: str) -> Path:
        return self.documents / name / "config.json"

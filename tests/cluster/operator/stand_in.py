"""A pod that runs a few lines of Python in the image of fx, and answers as a test tells it to."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import yaml
from tests.cluster.installation import Installation

ANSWER = "/tmp/answer"
"""The file that holds what a stand-in is to answer; `{}` at first."""
_LABEL = "kurs.dev/stand-in"


@dataclass(frozen=True, slots=True)
class StandIn:
    """A stand-in at work; its Service has its name."""

    installation: Installation
    name: str

    def say(self, answer: str) -> None:
        """Let it answer so from now on."""
        script = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(sys.argv[2])"
        self.installation.python(self.name, script, ANSWER, answer)


@contextmanager
def stand_in(
    installation: Installation, name: str, script: str, port: int, labels: Mapping[str, str]
) -> Iterator[StandIn]:
    """Run `script` in a pod that anyone may ask on `port`, until the block ends."""
    objects = [
        _pod(installation, name, script, port, {**labels, _LABEL: name}),
        _object("networking.k8s.io/v1", "NetworkPolicy", name, {
            "podSelector": {"matchLabels": {_LABEL: name}},
            "ingress": [{"ports": [{"port": port}]}],
        }),
        _object("v1", "Service", name, {"selector": {_LABEL: name}, "ports": [{"port": port}]}),
    ]  # fmt: skip
    installation.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(objects))
    try:
        installation.kubectl("wait", f"pod/{name}", "--for=condition=Ready", "--timeout=60s")
        yield StandIn(installation, name)
    finally:
        named = [f"{content['kind']}/{name}" for content in objects]
        installation.kubectl("delete", *named, "--grace-period=0", "--force")


def _pod(
    installation: Installation, name: str, script: str, port: int, labels: Mapping[str, str]
) -> dict[str, Any]:
    template = installation.pods("fx")[0]["spec"]
    first = f"import pathlib; answer = pathlib.Path({ANSWER!r}); answer.write_text('{{}}')\n"
    container = {
        "name": "python",
        "command": ["python", "-c", first + script],
        "ports": [{"name": "http", "containerPort": port}],
        "readinessProbe": {"tcpSocket": {"port": "http"}, "periodSeconds": 1},
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }
    for same in ("image", "imagePullPolicy", "securityContext"):
        container[same] = template["containers"][0][same]
    spec = {
        "automountServiceAccountToken": False,
        "securityContext": template["securityContext"],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
        "containers": [container],
    }
    pod = _object("v1", "Pod", name, spec)
    pod["metadata"]["labels"] = dict(labels)
    return pod


def _object(version: str, kind: str, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": dict(spec)}

"""Connections that are tried from inside pods, and the pods that stand in for a caller."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.cluster.installation import PORTS, SERVICES, TAG, Installation
from tests.cluster.shell import get

_TRY = """
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor
def open_to(address):
    host, port = address.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
    except TimeoutError:
        return "dropped"
    except OSError as error:
        return type(error).__name__
    return "open"
addresses = sys.argv[1:]
with ThreadPoolExecutor(len(addresses)) as pool:
    print(json.dumps(dict(zip(addresses, pool.map(open_to, addresses)))))
"""
# The image of PostgreSQL has no Python.
_TRY_IN_SHELL = (
    'for address; do if timeout 2 bash -c "</dev/tcp/${address%:*}/${address##*:}" 2>/dev/null;'
    " then echo $address; fi; done"
)
_RESTRICTED = {
    "runAsNonRoot": True,
    "runAsUser": 10001,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def attempt(place: Installation, pod: str, *addresses: str) -> dict[str, str]:
    """Return what became of a connection from a pod to each address: `open`, or why not."""
    tried: dict[str, str] = json.loads(place.python(pod, _TRY, *addresses))
    return tried


def opened_by_shell(place: Installation, pod: str, *addresses: str) -> set[str]:
    """Return which addresses a pod without Python can connect to."""
    said = place.kubectl("exec", pod, "--", "bash", "-c", _TRY_IN_SHELL, "bash", *addresses)
    return set(said.split())


def addresses_of(place: Installation) -> dict[str, str]:
    """Return the address of one pod of every component, past its Service."""
    place.wait_ready("postgresql", *SERVICES)
    ports = {**PORTS, "postgresql": 5432}
    return {
        component: f"{pod_address(place, place.ready_pods(component)[0])}:{port}"
        for component, port in ports.items()
    }


def pod_address(place: Installation, pod: str) -> str:
    """Return the IP address of a pod."""
    return str(get(place.namespace, "pod", pod)["status"]["podIP"])


@contextmanager
def standing_in(
    place: Installation,
    name: str,
    labels: Mapping[str, str] | None = None,
    command: tuple[str, ...] = ("python", "-c", "import time; time.sleep(3600)"),
) -> Iterator[str]:
    """Have a pod with the labels of another, so that the same policies hold for it."""
    container = {
        "name": "caller",
        "image": f"kurs/wallet:{TAG}",
        "command": command,
        "securityContext": _RESTRICTED,
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": dict(labels or {})},
        "spec": {"automountServiceAccountToken": False, "containers": [container]},
    }
    place.kubectl("create", "-f", "-", stdin=json.dumps(pod))
    try:
        place.kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=120s")
        yield name
    finally:
        place.kubectl("delete", "pod", name, "--grace-period=0", "--force")

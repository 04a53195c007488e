"""Every edge that the design does not name is tried from inside a pod, and denied."""

import json

import pytest
from tests.cluster.conftest import NewInstallation
from tests.cluster.installation import PORTS, SERVICES, TAG, Installation
from tests.cluster.shell import eventually, get, run

EDGES = {
    ("api-gateway", "payments"),
    ("api-gateway", "fx"),
    ("api-gateway", "wallet"),
    ("api-gateway", "risk"),
    ("payments", "risk"),
    ("payments", "fx"),
    ("payments", "wallet"),
    ("risk", "fx"),
    ("payments", "postgresql"),
    ("wallet", "postgresql"),
    ("risk", "postgresql"),
}
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
_STRANGER = {
    "runAsNonRoot": True,
    "runAsUser": 10001,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def attempt(installation: Installation, pod: str, *addresses: str) -> dict[str, str]:
    """Return what became of a connection from a pod to each address."""
    tried: dict[str, str] = json.loads(installation.python(pod, _TRY, *addresses))
    return tried


@pytest.fixture(scope="module")
def stranger(new_installation: NewInstallation) -> Installation:
    """A namespace without policies, and a pod in it that listens on port 8080."""
    place = new_installation()
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "stranger"},
        "spec": {
            "automountServiceAccountToken": False,
            "containers": [
                {
                    "name": "stranger",
                    "image": f"kurs/wallet:{TAG}",
                    "command": ["python", "-m", "http.server", "8080"],
                    "securityContext": _STRANGER,
                }
            ],
        },
    }
    place.kubectl("create", "-f", "-", stdin=json.dumps(pod))
    place.kubectl("wait", "--for=condition=Ready", "pod/stranger", "--timeout=120s")
    eventually("the stranger listens", lambda: attempt(place, "stranger", address(place)))
    return place


def address(place: Installation) -> str:
    """Return where the stranger listens."""
    return f"{get(place.namespace, 'pod', 'stranger')['status']['podIP']}:8080"


@pytest.fixture(scope="module")
def targets(dev: Installation) -> dict[str, str]:
    """The address of one pod of every component, past its Service."""
    dev.wait_ready("postgresql", *SERVICES)
    ports = {**PORTS, "postgresql": 5432}
    found = {}
    for component, port in ports.items():
        pod = dev.ready_pods(component)[0]
        found[component] = f"{get(dev.namespace, 'pod', pod)['status']['podIP']}:{port}"
    return found


@pytest.mark.parametrize("caller", SERVICES)
def test_a_service_reaches_whom_the_design_names_and_nobody_else(
    dev: Installation, targets: dict[str, str], caller: str
) -> None:
    others = {name: at for name, at in targets.items() if name != caller}
    tried = attempt(dev, dev.ready_pods(caller)[0], *others.values())
    reached = {(caller, name) for name, at in others.items() if tried[at] == "open"}

    # The gateway is public: it lets everyone in, and no service is let out to it.
    assert reached == {edge for edge in EDGES if edge[0] == caller}


@pytest.mark.parametrize("caller", SERVICES)
def test_a_service_reaches_no_api_server_and_nothing_outside(
    dev: Installation, stranger: Installation, caller: str
) -> None:
    api_server = get("default", "service", "kubernetes")["spec"]["clusterIP"] + ":443"
    outside = address(stranger)
    control = attempt(stranger, "stranger", api_server)
    assert control == {api_server: "open"}, "a pod without policies must get through"

    tried = attempt(dev, dev.ready_pods(caller)[0], api_server, outside)

    assert "open" not in tried.values(), tried


def test_a_stranger_reaches_the_gateway_only(
    dev: Installation, stranger: Installation, targets: dict[str, str]
) -> None:
    tried = attempt(stranger, "stranger", *targets.values())
    reached = {name for name, at in targets.items() if tried[at] == "open"}

    assert reached == {"api-gateway"}


def test_a_stranger_within_the_namespace_reaches_nobody(
    dev: Installation, targets: dict[str, str]
) -> None:
    name = "intruder"
    spec = {
        "automountServiceAccountToken": False,
        "containers": [
            {
                "name": name,
                "image": f"kurs/wallet:{TAG}",
                "command": ["python", "-c", "import time; time.sleep(3600)"],
                "securityContext": _STRANGER,
            }
        ],
    }
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
    run("kubectl", "-n", dev.namespace, "create", "-f", "-", stdin=json.dumps(pod))
    try:
        dev.kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=120s")
        eventually(
            "the policies hold for it",
            lambda: "open" not in attempt(dev, name, *targets.values()).values(),
            patience=30,
        )
    finally:
        dev.kubectl("delete", "pod", name, "--grace-period=0", "--force")


def test_a_role_cannot_connect_to_the_database_of_another(dev: Installation) -> None:
    script = (
        "import asyncio, asyncpg, os, sys;"
        "url = os.environ['KURS_DATABASE_URL'].replace('+asyncpg', '').rsplit('/', 1)[0];"
        "c = lambda: asyncpg.connect(url + '/' + sys.argv[1]);"
        "print(asyncio.run(c()) and 'connected')"
    )
    (risk,) = dev.ready_pods("risk")

    assert dev.python(risk, script, "risk").strip() == "connected"
    for database in ("wallet", "payments", "postgres"):
        with pytest.raises(AssertionError, match="permission denied for database"):
            dev.python(risk, script, database)

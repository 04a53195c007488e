"""Every edge that the design does not name is tried from inside a pod, and denied."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from tests.cluster.attempts import (
    addresses_of,
    attempt,
    opened_by_shell,
    pod_address,
    standing_in,
)
from tests.cluster.conftest import NewInstallation
from tests.cluster.installation import RELEASE, SERVICES, Installation
from tests.cluster.shell import eventually, get
from tests.edges import SERVICE_EDGES

EDGES = SERVICE_EDGES | {
    ("payments", "postgresql"),
    ("wallet", "postgresql"),
    ("risk", "postgresql"),
    ("webhooks", "postgresql"),
    ("api-gateway-test", "api-gateway"),
}
SHORT_LIVED = ("api-gateway-test", "wallet-test")


@pytest.fixture(scope="module")
def stranger(new_installation: NewInstallation) -> Iterator[Installation]:
    """A namespace without policies, and a pod in it that listens on port 8080."""
    place = new_installation()
    listen = ("python", "-m", "http.server", "8080")
    with standing_in(place, "stranger", command=listen):
        eventually("the stranger listens", lambda: attempt(place, "stranger", address(place)))
        yield place


def address(place: Installation) -> str:
    """Return where the stranger listens."""
    return f"{pod_address(place, 'stranger')}:8080"


@pytest.fixture(scope="module")
def targets(dev: Installation) -> dict[str, str]:
    """The address of one pod of every component, past its Service."""
    return addresses_of(dev)


def short_lived(dev: Installation) -> dict[str, dict[str, str]]:
    """Return the labels of the pods of Jobs and tests, by the name they go by."""
    shipped = dev.helm("get", "manifest", RELEASE) + dev.helm("get", "hooks", RELEASE)
    documents: list[dict[str, Any]] = [d for d in yaml.safe_load_all(shipped) if d]
    jobs = [d["spec"]["template"] for d in documents if d["kind"] == "Job"]
    pods = [*jobs, *(d for d in documents if d["kind"] == "Pod")]
    labels = [pod["metadata"]["labels"] for pod in pods]
    return {each["app.kubernetes.io/name"]: each for each in labels}


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


def test_a_stranger_reaches_no_operations_port(
    dev: Installation, stranger: Installation, targets: dict[str, str]
) -> None:
    operations = [f"{targets[name].partition(':')[0]}:9464" for name in SERVICES]

    assert "open" not in attempt(stranger, "stranger", *operations).values()


def test_a_stranger_reaches_the_gateway_only(
    dev: Installation, stranger: Installation, targets: dict[str, str]
) -> None:
    tried = attempt(stranger, "stranger", *targets.values())
    reached = {name for name, at in targets.items() if tried[at] == "open"}

    assert reached == {"api-gateway"}


@pytest.fixture(scope="module")
def hooked(dev: Installation) -> Iterator[None]:
    """The policy that `helm test` makes for its pod, and takes away with it."""
    hooks = [d for d in yaml.safe_load_all(dev.helm("get", "hooks", RELEASE)) if d]
    policies = yaml.safe_dump_all(d for d in hooks if d["kind"] == "NetworkPolicy")
    dev.kubectl("apply", "-f", "-", stdin=policies)
    yield
    dev.kubectl("delete", "-f", "-", stdin=policies)


def test_no_job_or_test_is_forgotten_below(dev: Installation) -> None:
    assert set(short_lived(dev)) == set(SHORT_LIVED)


@pytest.mark.usefixtures("hooked")
@pytest.mark.parametrize("caller", SHORT_LIVED)
def test_a_job_reaches_what_it_is_for_and_nobody_else(
    dev: Installation, targets: dict[str, str], stranger: Installation, caller: str
) -> None:
    named = {"outside": address(stranger), **targets}
    wanted = {edge[1] for edge in EDGES if edge[0] == caller}
    with standing_in(dev, "stand-in", short_lived(dev)[caller]) as pod:

        def reached() -> set[str]:
            tried = attempt(dev, pod, *named.values())
            return {name for name, at in named.items() if tried[at] == "open"}

        # Policies hold about a second after the pod is there.
        eventually(f"{caller} to reach {wanted}", lambda: reached() == wanted, patience=30)


def test_the_database_reaches_nobody(
    dev: Installation, targets: dict[str, str], stranger: Installation
) -> None:
    services = [at for name, at in targets.items() if name != "postgresql"]
    itself = "127.0.0.1:5432"

    opened = opened_by_shell(dev, "postgresql-0", itself, address(stranger), *services)

    assert opened == {itself}, "a loopback connection is the control"


def test_a_stranger_within_the_namespace_reaches_nobody(
    dev: Installation, targets: dict[str, str]
) -> None:
    with standing_in(dev, "intruder") as name:
        eventually(
            "the policies hold for it",
            lambda: "open" not in attempt(dev, name, *targets.values()).values(),
            patience=30,
        )


def test_a_role_cannot_connect_to_the_database_of_another(dev: Installation) -> None:
    script = (
        "import asyncio, asyncpg, os, sys;"
        "url = open(os.environ['KURS_DATABASE_URL_FILE']).read().strip();"
        "url = url.replace('+asyncpg', '').rsplit('/', 1)[0];"
        "c = lambda: asyncpg.connect(url + '/' + sys.argv[1]);"
        "print(asyncio.run(c()) and 'connected')"
    )
    (risk,) = dev.ready_pods("risk")

    assert dev.python(risk, script, "risk").strip() == "connected"
    for database in ("wallet", "payments", "postgres"):
        with pytest.raises(AssertionError, match="permission denied for database"):
            dev.python(risk, script, database)

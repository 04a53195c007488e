"""What is changed in a running release, with each Helm: the operator, an edit, its databases.

The tests of a Helm go on where the one before ended, as an operator's day does.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import yaml
from tests.cluster.conftest import NewInstallation
from tests.cluster.installation import NEXT_TAG, ROOT, STORES, TAG, Installation
from tests.cluster.shell import eventually, get

from loadtest.load import Load

_OPERATED = "operator.enabled=true"
_ROLL_BACK = {"helm": "--atomic", "helm4": "--rollback-on-failure"}
_SPREAD = 77


@pytest.fixture(scope="module")
def running(new_installation: NewInstallation, helm: str) -> Installation:
    """The development environment without the operator."""
    installation = new_installation()
    installation.upgrade(helm=helm)
    return installation


def waited_ready(installation: Installation) -> None:
    """Wait until every rate source and limit is in force."""
    for kind in ("fxrs", "rth"):
        installation.kubectl("wait", kind, "--all", "--for=condition=Ready", "--timeout=60s")


def spreads(installation: Installation) -> set[int]:
    """Return the spreads of the source that docs/operations.md edits."""
    pairs = get(installation.namespace, "fxrs", "simulated")["spec"]["pairs"]
    return {pair["spreadBps"] for pair in pairs}


@contextmanager
def watched_replicas(place: Installation, deployment: str) -> Iterator[list[str]]:
    """Give what a Deployment is told to run, each change of it, once the block has ended."""
    seen: list[str] = []
    words = ("get", "deployment", deployment, "--watch", "-o", r"jsonpath={.spec.replicas}{'\n'}")
    with subprocess.Popen(
        ("kubectl", "-n", place.namespace, *words), stdout=subprocess.PIPE, text=True
    ) as watch:
        try:
            yield seen
        finally:
            watch.terminate()
            seen += watch.communicate()[0].split()


def test_an_autoscaler_takes_over_with_the_pods_that_there_are(
    running: Installation, helm: str
) -> None:
    running.upgrade("--set", "fx.replicaCount=3", helm=helm)
    scaled = "fx.autoscaling.enabled=true,fx.autoscaling.minReplicas=1,fx.autoscaling.maxReplicas=3"

    with watched_replicas(running, "fx") as replicas:
        # At first what it begins with is rendered, and nothing from then on.
        for tag in (TAG, NEXT_TAG, TAG):
            running.upgrade("--set", f"{scaled},global.image.tag={tag}", helm=helm)

    assert replicas
    assert set(replicas) == {"3"}


def test_the_operator_is_turned_on(running: Installation, helm: str) -> None:
    running.upgrade("--set", _OPERATED, helm=helm)

    waited_ready(running)
    assert "Succeeded" in running.helm("test", "kurs", "--timeout", "5m", helm=helm)


def test_a_documented_edit_outlives_upgrades(running: Installation, helm: str) -> None:
    file = ROOT / "k8s" / "samples" / "fx-simulated.yaml"
    content = yaml.safe_load(file.read_text())
    for pair in content["spec"]["pairs"]:
        pair["spreadBps"] = _SPREAD
    running.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(content))
    running.kubectl("wait", "fxrs/simulated", "--for=condition=Ready", "--timeout=120s")
    running.kubectl("delete", "rth", "velocity-trial")

    for tag in (NEXT_TAG, TAG):
        running.upgrade("--set", f"{_OPERATED},global.image.tag={tag}", helm=helm)

    assert spreads(running) == {_SPREAD}
    assert "velocity-trial" not in running.kubectl("get", "rth", "-o", "name")
    waited_ready(running)


@pytest.fixture(scope="module")
def server(new_installation: NewInstallation, running: Installation) -> Installation:
    """A PostgreSQL of one's own in another namespace, and Secrets of ours that name it."""
    place = new_installation()
    values = {"resources": {"requests": {"cpu": "50m"}}, "global": {"network": {"enabled": False}}}
    chart = str(ROOT / "charts" / "postgresql")
    place.helm("install", "server", chart, "--wait", "-f", "-", stdin=yaml.safe_dump(values))
    for name in (*STORES, *(f"{store}-owner" for store in STORES)):
        url = place.secret(f"{name}-database")["url"]
        literal = f"--from-literal=url={url.replace('@postgresql:', f'@{host(place)}:')}"
        running.kubectl("create", "secret", "generic", f"own-{name}", literal)
    return place


def host(server: Installation) -> str:
    return f"postgresql.{server.namespace}"


def own_databases(server: Installation) -> dict[str, object]:
    """Return the values that leave the bundled server for that one."""
    namespace = {"matchLabels": {"kubernetes.io/metadata.name": server.namespace}}
    peer = {"to": [{"namespaceSelector": namespace}], "port": 5432}
    chosen = {
        store: {
            "database": {
                "existingSecret": f"own-{store}",
                "ownerSecret": f"own-{store}-owner",
                "serviceRole": store,
            },
            "resources": {"requests": {"cpu": "20m"}},
        }
        for store in STORES
    }
    shared = {"database": {"bundled": False}, "network": {"databases": [peer]}}
    return {**chosen, "global": shared}


def test_a_failed_hook_is_rolled_back_and_leaves_its_log(
    running: Installation, server: Installation, helm: str
) -> None:
    before = running.values
    running.values = own_databases(server)
    wrong = f"--from-literal=url=postgresql+asyncpg://wallet:no@{host(server)}:5432/wallet"
    running.kubectl("create", "secret", "generic", "wrong", wrong)
    with Load(running.gateway(), running.api_key(), f"wrong-{helm}") as load:
        with pytest.raises(AssertionError, match="password authentication failed"):
            running.upgrade(
                *("--set", f"{_OPERATED},wallet.database.ownerSecret=wrong"),
                _ROLL_BACK[helm],
                helm=helm,
            )
        account = load.finish()
    running.values = before

    account.prove(at_least=1)
    (said,) = [
        running.kubectl("logs", f"job/{job['metadata']['name']}")
        for job in get(running.namespace, "jobs")["items"]
        if job["metadata"]["name"].startswith("wallet-migration-")
    ]
    assert "password authentication failed" in said
    last = running.helm("history", "kurs", "--max", "1", "-o", "json", helm=helm)
    assert '"status":"deployed"' in last


def test_it_moves_to_databases_of_its_own(
    running: Installation, server: Installation, helm: str
) -> None:
    running.values = own_databases(server)
    running.upgrade("--set", _OPERATED, helm=helm)

    eventually("the bundled server to go", lambda: not running.pods("postgresql"))
    assert spreads(running) == {_SPREAD}
    assert "Succeeded" in running.helm("test", "kurs", "--timeout", "5m", helm=helm)


def test_the_way_to_its_databases_changes(
    running: Installation, server: Installation, helm: str
) -> None:
    # The policies in force let nobody to the pod by its address: the migration has one of its own.
    shared = running.values["global"]["network"]
    (pod,) = server.pods("postgresql")
    shared["databases"] = [
        {"to": [{"ipBlock": {"cidr": f"{pod['status']['podIP']}/32"}}], "port": 5432}
    ]
    for store in STORES:
        for name in (store, f"{store}-owner"):
            url = running.secret(f"own-{name}")["url"]
            literal = f"--from-literal=url={url.replace(host(server), pod['status']['podIP'])}"
            running.kubectl("create", "secret", "generic", f"address-{name}", literal)
        database = running.values[store]["database"]
        database.update(existingSecret=f"address-{store}", ownerSecret=f"address-{store}-owner")

    running.upgrade("--set", _OPERATED, helm=helm)

    assert "Succeeded" in running.helm("test", "kurs", "--timeout", "5m", helm=helm)

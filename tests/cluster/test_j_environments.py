"""Staging and production as they stand, on a small node; and a Kurs that runs on SQLite.

What one node lacks is all that is overridden: room for the requests, zones to spread over, and, for
production, a way to the European Central Bank.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import yaml
from tests.cluster.conftest import NewInstallation
from tests.cluster.installation import ROOT, SERVICES, STORES, Installation
from tests.cluster.shell import eventually, get

from api_gateway.keys import issue
from kurs.kernel.roles import ROLES
from kurs.quotes.keys import new_key_pair
from loadtest.client import GatewayClient

PODS = {"staging": 2, "production": 3}
DATABASES = "databases"


@pytest.fixture
def server(new_installation: NewInstallation) -> Installation:
    """A PostgreSQL that is somebody else's: in a namespace of its own, reached by URL.

    Each environment has its own: what one's merchants opened is taken for the other's.
    """
    place = new_installation()
    values = {
        "resources": {"requests": {"cpu": "50m"}},
        "global": {"network": {"enabled": False}},
    }
    chart = str(ROOT / "charts" / "postgresql")
    place.helm("install", "server", chart, "--wait", "-f", "-", stdin=yaml.safe_dump(values))
    return place


def values(environment: str, server: Installation) -> dict[str, Any]:
    """Return what a node without zones and with little room needs, and where the database is."""
    small = {"resources": {"requests": {"cpu": "20m"}}}
    spread = {"spread": {"zone": "ScheduleAnyway"}} if environment == "production" else {}
    namespace = {"matchLabels": {"kubernetes.io/metadata.name": server.namespace}}
    peer = {"to": [{"namespaceSelector": namespace}], "port": 5432}
    return {
        **dict.fromkeys(SERVICES, small | spread),
        "kurs-operator": small,
        "global": {"network": {DATABASES: [peer]}},
    }


def make_secret(place: Installation, name: str, **held: str) -> None:
    """Make a Secret as docs/operations.md says."""
    literals = (f"--from-literal={key.replace('_', '-')}={text}" for key, text in held.items())
    place.kubectl("create", "secret", "generic", name, *literals)


def make_database_secrets(place: Installation, server: Installation) -> None:
    """Make the Secrets that name the databases of another namespace's server."""
    for name in (*STORES, *(f"{store}-owner" for store in STORES)):
        url = server.secret(f"{name}-database")["url"]
        make_secret(
            place,
            f"{name}-database",
            url=url.replace("@postgresql:", f"@postgresql.{server.namespace}:"),
        )


def make_keys(place: Installation) -> None:
    """Make the keys that production does not generate."""
    text, entry = issue([], merchant="platform", roles=ROLES)
    place.kubectl(
        *("create", "secret", "generic", "kurs-api-keys", f"--from-literal=api-key={text}"),
        f"--from-literal=api-keys.json={json.dumps([entry.model_dump(mode='json')])}",
    )
    private, public = new_key_pair()
    files = {"signing-keys.pem": private, "verify-keys.pem": public}
    literals = (f"--from-literal={key}={pem}" for key, pem in files.items())
    place.kubectl("create", "secret", "generic", "kurs-quote-keys", *literals)
    place.make_edge_keys()
    literal = f"--from-literal=ledger-signing-key.pem={new_key_pair()[0]}"
    place.kubectl("create", "secret", "generic", "kurs-ledger-key", literal)


def make_rates(place: Installation) -> None:
    """Begin with rates that need no network, as docs/operations.md says, and the usual limits."""
    definitions = str(ROOT / "charts" / "kurs-operator" / "crds")
    place.kubectl("apply", "--server-side", "--force-conflicts", "-f", definitions)
    for name in ("fx-ecb-static", "risk-limits"):
        place.kubectl("apply", "-f", str(ROOT / "k8s" / "samples" / f"{name}.yaml"))


@contextmanager
def installed(place: Installation, *arguments: str) -> Iterator[None]:
    """Install, and uninstall afterwards, whatever happens in between."""
    place.upgrade(*arguments)
    try:
        yield
    finally:
        place.helm("uninstall", "kurs", "--wait", "--timeout", "5m")
    eventually("pods to go", lambda: not place.pods())


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_an_environment_as_it_stands_pays(
    new_installation: NewInstallation, server: Installation, environment: str
) -> None:
    place = new_installation()
    place.environment, place.values = environment, values(environment, server)
    make_database_secrets(place, server)
    chosen = "operator.enabled=true"
    if environment == "production":
        make_keys(place)
        make_rates(place)
        chosen += ",kurs-operator.samples.enabled=false"

    with installed(place, "--set", chosen):
        pods = {service: len(place.ready_pods(service)) for service in SERVICES}
        budgets = get(place.namespace, "poddisruptionbudgets")["items"]
        said = place.helm("test", "kurs", "--timeout", "5m")

    assert pods == dict.fromkeys(SERVICES, PODS[environment])
    assert {budget["metadata"]["name"] for budget in budgets} == set(SERVICES)
    assert "Phase:          Succeeded" in said


def held(place: Installation, account: str) -> Callable[[], Any]:
    """Return a function that asks what an account holds."""

    async def ask() -> Any:
        async with GatewayClient(place.gateway(), place.api_key(), 1) as client:
            return (await client.get(f"/balance/{account}")).document["balances"]

    return lambda: asyncio.run(ask())


def test_money_on_sqlite_outlives_its_pods(new_installation: NewInstallation) -> None:
    place = new_installation()
    place.values = {
        name: {"database": {"kind": "sqlite"}, "resources": {"requests": {"cpu": "20m"}}}
        for name in STORES
    } | {"global": {"database": {"bundled": False}}}

    with installed(place):
        place.helm("test", "kurs", "--timeout", "5m")
        balances = held(place, "helm-test-shop")
        before = balances()
        for name in STORES:
            (pod,) = place.ready_pods(name)
            place.kubectl("delete", "pod", pod, "--wait")
        place.wait_ready()
        after = eventually("the balances", balances)
        said = place.helm("test", "kurs", "--timeout", "5m")

    assert before == after
    assert before[0]["currency"] == "IDR"
    assert float(before[0]["available"]) > 0
    assert "Phase:          Succeeded" in said

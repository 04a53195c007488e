"""The primary of the databases dies, and is switched, under load: nothing is lost or moved twice.

On three PostgreSQL by CloudNativePG, as k8s/databases and k8s/environments/ha.yaml say. Skipped
where its operator is not installed. `KURS_TEST_FAILOVERS` is how often (2).
"""

import asyncio
import json
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import yaml
from tests.cluster.attempts import pod_address
from tests.cluster.conftest import NewInstallation
from tests.cluster.installation import ROOT, STORES, Installation
from tests.cluster.shell import CommandFailed, eventually, get, run
from tests.cluster.test_j_environments import make_secret, values

from loadtest.load import Load

ROLES = (*STORES, *(f"{store}_owner" for store in STORES))
CLUSTER, NAMESPACE = "kurs", "kurs-databases"
FAILOVERS = int(os.environ.get("KURS_TEST_FAILOVERS", "2"))
_SMALL = {"requests": {"cpu": "20m", "memory": "128Mi"}, "limits": {"memory": "1Gi"}}
_POLL_SECONDS = 0.05
_PATIENCE_SECONDS = 180.0
_WRITE = "SELECT pg_logical_emit_message(true, 'failover', '')::text"


@pytest.fixture(scope="module")
def databases(new_installation: NewInstallation) -> Installation:
    """Three servers as k8s/databases has them, on less than they ask for there."""
    try:
        run("kubectl", "get", "crd", "clusters.postgresql.cnpg.io")
    except CommandFailed:
        pytest.skip("this cluster has no CloudNativePG: https://cloudnative-pg.io")
    place = new_installation()
    for role in ROLES:
        place.kubectl(
            *("create", "secret", "generic", f"{role.replace('_', '-')}-database"),
            *("--type=kubernetes.io/basic-auth", f"--from-literal=username={role}"),
            f"--from-literal=password={secrets.token_hex(16)}",
        )
    text = (ROOT / "k8s" / "databases" / "postgresql.yaml").read_text()
    for document in yaml.safe_load_all(text.replace(NAMESPACE, place.namespace)):
        if document["kind"] == "Cluster":
            document["spec"]["resources"] = _SMALL
            document["spec"]["storage"] = {"size": "1Gi"}
            # A copy begins with a checkpoint, which takes its time otherwise.
            document["spec"]["postgresql"]["parameters"]["checkpoint_timeout"] = "30s"
        if document["kind"] != "Namespace":
            place.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(document))
    eventually("three servers", lambda: status(place).get("readyInstances") == 3)
    place.kubectl(
        "wait", "databases.postgresql.cnpg.io", "--all", "--for=jsonpath={.status.applied}=true"
    )
    return place


def status(place: Installation) -> dict[str, Any]:
    """Return what CloudNativePG says of the servers."""
    found: dict[str, Any] = get(place.namespace, "clusters.postgresql.cnpg.io", CLUSTER)["status"]
    return found


@pytest.fixture(scope="module")
def paying(
    new_installation: NewInstallation,
    databases: Installation,
    tmp_path_factory: pytest.TempPathFactory,
) -> Installation:
    """Staging on those servers."""
    place = new_installation()
    place.environment, place.values = "staging", values("staging", databases)
    for role in ROLES:
        name = f"{role.replace('_', '-')}-database"
        held = databases.secret(name)
        url = (
            f"postgresql+asyncpg://{role}:{held['password']}@{CLUSTER}-rw.{databases.namespace}"
            f":5432/{role.removesuffix('_owner')}"
        )
        make_secret(place, name, url=url)
    text = (ROOT / "k8s" / "environments" / "ha.yaml").read_text()
    file: Path = tmp_path_factory.mktemp("ha") / "ha.yaml"
    file.write_text(text.replace(NAMESPACE, databases.namespace))
    place.upgrade("-f", str(file))
    return place


def kill(place: Installation, primary: str) -> None:
    """Let the primary die: a second after it was asked to go."""
    place.kubectl("delete", "pod", primary, "--grace-period=1", "--wait=false")


def switch(place: Installation, primary: str) -> None:
    """Ask another server to take over, as `kubectl cnpg promote` does."""
    heir = next(name for name in status(place)["instanceNames"] if name != primary)
    now = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime())
    wanted = {
        "targetPrimary": heir,
        "targetPrimaryTimestamp": now,
        "phase": "Switchover in progress",
        "phaseReason": f"Switching over to {heir}",
    }
    place.kubectl(
        *("patch", "clusters.postgresql.cnpg.io", CLUSTER, "--subresource=status"),
        *("--type=merge", "-p", json.dumps({"status": wanted})),
    )


async def _next_commit(host: str, password: str, primary: str) -> None:
    """Wait until a server other than `primary` (an address) has committed something."""
    while True:
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
            connection = await asyncpg.connect(
                host=host, user="wallet", password=password, database="wallet", timeout=1
            )
            try:
                if await connection.fetchval("SELECT host(inet_server_addr())") != primary:
                    # Like every commit, it waits for a second server that has it.
                    await connection.fetchval(_WRITE, timeout=_PATIENCE_SECONDS)
                    return
            finally:
                connection.terminate()
        await asyncio.sleep(_POLL_SECONDS)


def waited(load: Load, place: Installation, primary: str) -> tuple[float, float]:
    """Return the seconds until a new primary commits, and from there to the next payment."""
    host = get(place.namespace, "service", f"{CLUSTER}-rw")["spec"]["clusterIP"]
    password = place.secret("wallet-database")["password"]
    begun = time.monotonic()
    asyncio.run(asyncio.wait_for(_next_commit(host, password, primary), _PATIENCE_SECONDS))
    found, paid = time.monotonic(), load.count
    while load.count == paid:
        assert time.monotonic() - found < 60, "no payment after the new primary"
        time.sleep(_POLL_SECONDS)
    return found - begun, time.monotonic() - found


def test_nothing_is_lost_and_nothing_moves_twice_while_the_primary_changes(
    paying: Installation, databases: Installation
) -> None:
    rows = [
        "| change | to a new primary, s | from there to a payment, s |",
        "| --- | ---: | ---: |",
    ]
    with Load(paying.gateway(), paying.api_key(), "heirs", workers=8, repeat=True) as load:
        for number in range(FAILOVERS):
            eventually("three servers", lambda: status(databases).get("readyInstances") == 3)
            primary = status(databases)["currentPrimary"]
            address = pod_address(databases, primary)
            change = (kill, switch)[number % 2]
            change(databases, primary)
            to_primary, to_payment = waited(load, databases, address)
            rows.append(f"| {change.__name__} | {to_primary:.1f} | {to_payment:.1f} |")
            print(rows[-1], flush=True)
            enough = load.count + 50
            eventually("payments to flow", lambda n=enough: load.count > n)
        account = load.finish()

    print("\n".join(rows))
    account.prove(at_least=100)
    took = sorted(result.seconds for result in account.results)
    p50, p95 = (took[round(share * (len(took) - 1))] for share in (0.5, 0.95))
    print(f"p50 {p50:.2f} s, p95 {p95:.2f} s, longest {took[-1]:.1f} s")

"""A database and API keys of one's own: migrations run as hooks, before anything else changes."""

import sys
from pathlib import Path

import pytest
import yaml
from tests.cluster.conftest import NewInstallation
from tests.cluster.installation import NEXT_TAG, ROOT, Installation
from tests.cluster.shell import get, run

from loadtest.load import Load

_OWN = "global.database.bundled=false"
_SCALED = "wallet.autoscaling.enabled=true,wallet.autoscaling.minReplicas=1"


@pytest.fixture
def place(new_installation: NewInstallation, helm: str) -> Installation:
    """A namespace with a PostgreSQL and the Secrets of its databases, and no Kurs yet."""
    installation = new_installation()
    installation.helm(
        *("install", "database", str(ROOT / "charts" / "postgresql"), "--wait", "-f", "-"),
        stdin=yaml.safe_dump({"resources": {"requests": {"cpu": "100m"}}}),
        helm=helm,
    )
    return installation


@pytest.fixture
def own_key(place: Installation, tmp_path: Path) -> str:
    """The text of a key of ours, in the Secret that an installation would otherwise make."""
    entries = tmp_path / "api-keys.json"
    said = run(
        *(sys.executable, "-m", "api_gateway.keys", "issue", "--merchant", "demo"),
        *("--roles", "pay,refund,read,review,treasury,audit", "--file", str(entries)),
    )
    [key] = [word for word in said.split() if word.startswith("kurs_")]
    place.kubectl(
        *("create", "secret", "generic", "kurs-api-keys"),
        *(f"--from-file=api-keys.json={entries}", f"--from-literal=api-key={key}"),
    )
    return key


def test_hooks_migrate_and_upgrades_go_on_under_load(
    place: Installation, helm: str, own_key: str
) -> None:
    place.upgrade("--set", f"{_OWN},{_SCALED}", helm=helm)
    ended = {
        job["metadata"]["name"]: job["status"] for job in get(place.namespace, "jobs")["items"]
    }
    assert {name.rpartition("-")[0] for name in ended} == {
        f"{store}-migration" for store in ("payments", "risk", "wallet")
    }
    for name, status in ended.items():
        assert status["succeeded"] == 1, name
        place.kubectl("logs", f"job/{name}")

    with Load(place.gateway(), place.api_key(), "own") as load:
        # Twice: the second one meets what the autoscaler and the first one have written.
        place.upgrade("--set", f"{_OWN},{_SCALED},global.image.tag={NEXT_TAG}", helm=helm)
        place.upgrade("--set", f"{_OWN},{_SCALED}", helm=helm)
        account = load.finish()

    account.prove(at_least=50)
    assert place.api_key() == own_key
    assert place.secret("kurs-quote-keys")
    assert "Succeeded" in place.helm("test", "kurs", "--timeout", "5m", helm=helm)


def test_a_failed_migration_changes_nothing(place: Installation, helm: str) -> None:
    wrong = place.kubectl(
        *("create", "secret", "generic", "wrong", "--dry-run=client", "-o", "yaml"),
        "--from-literal=url=postgresql+asyncpg://wallet:wrong@postgresql:5432/wallet",
    )
    place.kubectl("create", "-f", "-", stdin=wrong)

    # Helm says itself what the Job said.
    with pytest.raises(AssertionError, match="password authentication failed"):
        place.upgrade(
            *("--set", f"{_OWN},wallet.database.existingSecret=wrong"),
            *("--set", "wallet.database.migrationTimeoutSeconds=30"),
            helm=helm,
        )

    assert not get(place.namespace, "deployments")["items"]

"""What is wrong is refused before anything is applied."""

import shutil
import uuid

import pytest
from tests.cluster.conftest import NewInstallation
from tests.cluster.installation import ROOT, Installation
from tests.cluster.shell import CommandFailed, get, run

BAD = {
    "wallet.replicaCount=-1": "replicaCount",
    "wallet.replicaCuont=1": "replicaCuont",
    "wallet.database.kind=sqlite,wallet.replicaCount=3": "replicaCount",
    "global.database.bundled=false": "the Secret wallet-database is missing in namespace",
    "secrets.generate=false": "the Secret kurs-api-keys is missing in namespace",
    "global.environment=production,wallet.faults.unready=true": "fault switches",
}


@pytest.fixture(scope="module")
def empty(new_installation: NewInstallation) -> Installation:
    """A namespace that nothing may be installed in."""
    return new_installation()


@pytest.mark.parametrize(("values", "named"), BAD.items(), ids=list(BAD))
def test_bad_values_apply_nothing(empty: Installation, values: str, named: str) -> None:
    with pytest.raises(AssertionError) as refusal:
        empty.upgrade("--set", values)

    assert named in str(refusal.value)
    held = get(empty.namespace, "deployments,services,secrets,jobs,networkpolicies")["items"]
    assert not held


@pytest.mark.parametrize("helm", ["helm", "helm4"])
@pytest.mark.parametrize(
    ("chart", "values", "named"),
    [
        ("kurs", "secrets.generate=false", "the Secret kurs-api-keys is missing"),
        ("wallet", "", "the Secret wallet-database is missing"),
        ("fx", "", "the Secret kurs-quote-keys is missing"),
    ],
)
def test_a_missing_secret_is_named_before_the_namespace_is_made(
    helm: str, chart: str, values: str, named: str
) -> None:
    if shutil.which(helm) is None:
        pytest.skip(f"{helm} is not on PATH: see https://helm.sh/docs/intro/install")
    namespace = f"kurs-never-{uuid.uuid4().hex[:8]}"
    environment = ROOT / "k8s" / "environments" / "dev.yaml"
    with pytest.raises(CommandFailed) as refusal:
        run(
            *(helm, "upgrade", "--install", chart, str(ROOT / "charts" / chart)),
            *("-n", namespace, "--create-namespace"),
            *(("-f", str(environment), "--set", values) if values else ()),
        )

    assert f"{named} in namespace {namespace}" in str(refusal.value)
    assert namespace not in run("kubectl", "get", "namespaces", "-o", "name")


def test_a_secret_without_its_key_is_named(empty: Installation) -> None:
    made = "secret generic wallet-database --from-literal=uri=postgresql+asyncpg://db/wallet"
    empty.kubectl("create", *made.split())
    try:
        with pytest.raises(CommandFailed) as refusal:
            empty.helm("upgrade", "--install", "wallet", str(ROOT / "charts" / "wallet"))
    finally:
        empty.kubectl("delete", "secret", "wallet-database")

    assert f"wallet-database in namespace {empty.namespace} has no key url" in str(refusal.value)

"""What is wrong is refused before anything is applied."""

import pytest
from tests.cluster.conftest import NewInstallation
from tests.cluster.installation import Installation
from tests.cluster.shell import get

BAD = {
    "wallet.replicaCount=-1": "replicaCount",
    "wallet.replicaCuont=1": "replicaCuont",
    "wallet.database.kind=sqlite,wallet.replicaCount=3": "replicaCount",
    "global.database.bundled=false": "the Secret payments-database is missing in namespace",
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

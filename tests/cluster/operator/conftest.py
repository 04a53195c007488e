"""One Kurs with the operator, three pods of fx and resources of its own, for all tests here."""

from collections.abc import Iterator

import pytest
from tests.cluster.conftest import NewInstallation
from tests.cluster.installation import Installation
from tests.cluster.operator.resources import Resources

# Room for three pods of fx on the smallest node; requests say nothing about what is proven here.
SMALL = {"resources": {"requests": {"cpu": "10m", "memory": "128Mi"}}}
VALUES = {
    "api-gateway": SMALL,
    "payments": SMALL,
    "wallet": SMALL,
    "risk": SMALL,
    "postgresql": SMALL,
    "kurs-operator": SMALL,
    "fx": {**SMALL, "replicaCount": 3},
}


@pytest.fixture(scope="session")
def operated(new_installation: NewInstallation) -> Installation:
    """The development environment with the operator and three pods of fx."""
    installation = new_installation()
    installation.values = VALUES
    installation.upgrade("--set", "operator.enabled=true")
    return installation


@pytest.fixture
def resources(operated: Installation) -> Iterator[Resources]:
    """The resources of that installation; what a test adds is gone after it."""
    made = Resources(operated)
    made.wait_all_ready()
    yield made
    made.remove_added()
    made.wait_all_ready()

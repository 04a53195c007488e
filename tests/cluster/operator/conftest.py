"""One Kurs with the operator, three pods of fx and resources of its own, for all tests here."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster.conftest import borrowed_namespace
from tests.cluster.installation import Installation
from tests.cluster.operator.resources import DESK, Resources, spread
from tests.cluster.shell import CommandFailed, get

COLLECTOR = "http://tempo.monitoring:4318"
PROVIDER, PROVIDER_PORT = "rates", 8000
"""A rate provider within the cluster, that one test has; a Secret of the same name is its key."""
RECEIVER, RECEIVER_PORT = "receiver", 8001
"""A receiver of events within the cluster."""
TOKEN = "value-that-must-not-be-seen"
# Room for three pods of fx on the smallest node; requests say nothing about what is proven here.
SMALL = {"resources": {"requests": {"cpu": "10m", "memory": "128Mi"}}}
VALUES = {
    "api-gateway": SMALL,
    "payments": SMALL,
    "wallet": SMALL,
    "risk": SMALL,
    "postgresql": SMALL,
    "kurs-operator": SMALL,
    "fx": {
        **SMALL,
        "replicaCount": 3,
        "settings": {"KURS_PRIVATE_SOURCE_HOSTS": PROVIDER},
        "networkPolicy": {"extraEgress": [{"ports": [{"port": PROVIDER_PORT}]}]},
        "sourceSecrets": {PROVIDER: [PROVIDER]},
    },
    "webhooks": {
        **SMALL,
        "replicaCount": 2,
        "settings": {"KURS_PRIVATE_DESTINATION_HOSTS": RECEIVER},
        "networkPolicy": {"extraEgress": [{"ports": [{"port": RECEIVER_PORT}]}]},
    },
}


@pytest.fixture(scope="session")
def operated(documents: Path) -> Iterator[Installation]:
    """The development environment with the operator and three pods of fx."""
    secret = ("secret", "generic", PROVIDER, f"--from-literal=token={TOKEN}")
    traced = f"global.telemetry.otlpEndpoint={COLLECTOR}" if collector_address() else ""
    with borrowed_namespace() as namespace:
        installation = Installation(namespace, documents, VALUES)
        installation.kubectl("create", *secret)
        installation.upgrade("--set", ",".join(filter(None, ["operator.enabled=true", traced])))
        yield installation


def collector_address() -> str:
    """Return where the trace store of `make monitoring` is, or nothing."""
    try:
        return str(get("monitoring", "service", "tempo")["spec"]["clusterIP"])
    except CommandFailed:
        return ""


@pytest.fixture
def resources(operated: Installation) -> Iterator[Resources]:
    """The resources of that installation; what a test adds is gone after it."""
    made = Resources(operated)
    made.wait_all_ready()
    yield made
    made.remove_added()
    made.wait_all_ready()


@pytest.fixture
def desk(resources: Resources) -> Resources:
    """The resources, with a source of the test's own in force."""
    resources.apply(spread(10))
    resources.wait_ready(*DESK)
    return resources

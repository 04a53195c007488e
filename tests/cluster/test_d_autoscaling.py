"""Replicas follow the load, out and in, and no payment notices."""

from tests.cluster.installation import Installation
from tests.cluster.load import Load
from tests.cluster.shell import eventually, get

SCALED = ("payments", "api-gateway")
_MOST = 3


def replicas(installation: Installation, service: str) -> int:
    """Return how many pods a service is wanted to have."""
    count: int = get(installation.namespace, "deployment", service)["spec"]["replicas"]
    return count


def values() -> list[str]:
    """Return Helm arguments for autoscalers that react within a test's time."""
    scaling = {
        "enabled": "true",
        "minReplicas": "1",
        "maxReplicas": str(_MOST),
        "cpu": "50",
        "scaleDown.stabilizationWindowSeconds": "15",
        "scaleDown.percent": "100",
        "scaleDown.periodSeconds": "15",
    }
    requests = [f"--set={service}.resources.requests.cpu=100m" for service in SCALED]
    return requests + [
        f"--set={service}.autoscaling.{key}={value}"
        for service in SCALED
        for key, value in scaling.items()
    ]


def test_replicas_follow_the_load_out_and_in(dev: Installation) -> None:
    dev.upgrade(*values())
    dev.wait_ready()
    with Load(dev.gateway(), dev.api_key(), "scale", workers=24, pause=0) as load:
        for service in SCALED:
            eventually(
                f"{_MOST} ready pods of {service}",
                lambda s=service: len(dev.ready_pods(s)) == _MOST,
                patience=420,
            )
        account = load.finish()

    for service in SCALED:
        eventually(f"one replica of {service}", lambda s=service: replicas(dev, s) == 1)
    account.prove(at_least=1000)

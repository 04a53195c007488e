"""A Kurs of its own with everything watched, in a cluster that has a Prometheus."""

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tests.cluster.conftest import NewInstallation
from tests.cluster.installation import Installation
from tests.cluster.observability.http_api import Gateway, Prometheus, forwarded
from tests.cluster.observability.load import pay, prepare
from tests.cluster.shell import CommandFailed, eventually, run

from kurs_observability import rules

ROOT = Path(__file__).parents[3]
MONITORING = "monitoring"
SHORTEN = 60
"""An hour is a minute: no test waits for three days."""
_TELEMETRY = "operator.enabled=true,global.telemetry.traceRatio=1"
_OTLP = "global.telemetry.otlpEndpoint=http://tempo.monitoring:4318"


@pytest.fixture(scope="session")
def installation(
    new_installation: NewInstallation, tmp_path_factory: pytest.TempPathFactory
) -> Installation:
    """Kurs with its monitors, its rules with short windows, and its dashboards."""
    try:
        run("kubectl", "get", "crd", "prometheusrules.monitoring.coreos.com")
    except CommandFailed:
        pytest.skip("this cluster has no prometheus-operator: make monitoring")
    made = new_installation()
    made.values = yaml.safe_load(Path(__file__).with_name("values.yaml").read_text("utf-8"))
    made.upgrade("--set", f"{_TELEMETRY},{_OTLP}")
    chart = tmp_path_factory.mktemp("chart") / "kurs-observability"
    shutil.copytree(ROOT / "charts" / "kurs-observability", chart)
    rules.main([str(chart / "files" / "rules"), "--shorten", str(SHORTEN)])
    made.helm("upgrade", "--install", "kurs-observability", str(chart), "--wait")
    return made


@pytest.fixture(scope="session")
def release(installation: Installation) -> str:
    """The namespace."""
    return installation.namespace


@pytest.fixture(scope="session")
def prometheus(installation: Installation) -> Iterator[Prometheus]:
    """The Prometheus of the cluster."""
    with forwarded(MONITORING, "kube-prometheus-stack-prometheus", 9090) as address:
        yield Prometheus(address)


@pytest.fixture(scope="session")
def gateway(installation: Installation) -> Gateway:
    """The gateway of the installation, by an address that outlives its pods."""
    return Gateway(installation.gateway(), installation.api_key())


@pytest.fixture(scope="session")
def paid(gateway: Gateway, prometheus: Prometheus, installation: Installation) -> str:
    """Pay for a minute, with a wallet killed in the middle; returns the name of the run."""
    name = uuid.uuid4().hex[:8]
    prepare(gateway, name)
    statuses = pay(gateway, name, 30)
    installation.kubectl(
        "delete", "pod", "-l", "app.kubernetes.io/component=wallet", "--wait=false"
    )
    statuses += pay(gateway, name, 45)
    assert statuses.count(200) > 20, statuses
    captured = f'kurs_payments_total{{namespace="{installation.namespace}",status="CAPTURED"}}'
    eventually("payments in Prometheus", lambda: prometheus.query(captured))
    return name

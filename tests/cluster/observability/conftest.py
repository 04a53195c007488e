"""A Kurs of its own with everything watched, in a cluster that has a Prometheus."""

import base64
import secrets
import shutil
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from tests.cluster.conftest import borrowed_namespace
from tests.cluster.installation import Installation
from tests.cluster.observability.http_api import Gateway, Prometheus, forwarded
from tests.cluster.observability.load import under_load
from tests.cluster.observability.sources import moment, source, state
from tests.cluster.shell import CommandFailed, eventually, run

from kurs_observability import rules

ROOT = Path(__file__).parents[3]
MONITORING = "monitoring"
SHORTEN = 60
"""An hour is a minute: no test waits for three days."""
_RATIOS = rules.render(SHORTEN)["slos.yaml"].count("record: slo:error_ratio:")
_TELEMETRY = "operator.enabled=true,global.telemetry.traceRatio=1"
_OTLP = "global.telemetry.otlpEndpoint=http://tempo.monitoring:4318"
# Nobody is there: its attempts, what waits and how it does are seen.
_NOBODY = """
apiVersion: kurs.dev/v1alpha1
kind: EventDestination
metadata: {name: nobody}
spec:
  merchant: demo
  url: https://receiver.invalid/hooks
  secretRef: {name: kurs-destination-secrets, key: nobody}
"""


@pytest.fixture(scope="session")
def installation(
    documents: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """Kurs with its monitors, its rules with short windows, and its dashboards."""
    try:
        run("kubectl", "get", "crd", "prometheusrules.monitoring.coreos.com")
    except CommandFailed:
        pytest.skip("this cluster has no prometheus-operator: make monitoring")
    chart = tmp_path_factory.mktemp("chart") / "kurs-observability"
    shutil.copytree(ROOT / "charts" / "kurs-observability", chart)
    rules.main([str(chart / "files" / "rules"), "--shorten", str(SHORTEN)])
    values = yaml.safe_load(Path(__file__).with_name("values.yaml").read_text("utf-8"))
    with borrowed_namespace() as namespace:
        made = Installation(namespace, documents, values)
        secret = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
        name = "kurs-destination-secrets"
        made.kubectl("create", "secret", "generic", name, f"--from-literal=nobody={secret}")
        made.upgrade("--set", f"{_TELEMETRY},{_OTLP}")
        made.kubectl("apply", "-f", "-", stdin=_NOBODY)
        made.helm("upgrade", "--install", "kurs-observability", str(chart), "--wait")
        yield made


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


class Paid(NamedTuple):
    """A load that is over: what its payments' ids begin with, and when it was, in seconds."""

    run: str
    began: float
    ended: float


@pytest.fixture(scope="session")
def paid(gateway: Gateway, prometheus: Prometheus, installation: Installation) -> Paid:
    """Pay while the wallet dies, is away and comes back, and while a source of rates is edited."""
    release = installation.namespace

    def seen(what: str, series: str, more: float = 0) -> None:
        selected = series.replace("@", f'namespace="{release}"')
        found = f"sum({selected}) > {more}"
        eventually(what, lambda: prometheus.query(found))

    began = prometheus.now()
    edited = {"name": "edited", "as_of": moment()}
    old = source(release, "old", quote="TWD", rate=38.5)
    with under_load(gateway) as name, old, source(release, **edited, rate=1600):
        seen("payments", 'kurs_payments_total{@,status="CAPTURED"}', 50)
        seen("the source", 'kurs_fx_rate{@,source="edited"}')
        seen("an open quote", "kurs_fx_open_quotes{@}")
        seen("quotes of a stale rate", 'kurs_fx_quotes_total{@,result="stale_rate"}')
        state(release, **edited, rate=2000)
        seen("the refused edit", 'kurs_fx_source_rejections_total{@,source="edited"}')
        installation.kubectl("delete", "pod", "-l", "app.kubernetes.io/component=wallet")
        installation.kubectl("scale", "deployment/wallet", "--replicas=0")
        seen("open outcomes", "kurs_payments_processing_total{@}")
        seen("calls that are held back", "http_client_not_sent_total{@}")
        installation.kubectl("scale", "deployment/wallet", "--replicas=1")
        installation.wait_ready("wallet")
        # A rate, zero or not, needs two looks at its counter.
        seen("the sweeper's work", "rate(kurs_payments_swept_total{@}[20s]) + 1")
        rates = cycle((1601, 1602))

        def measured() -> bool:
            # The shortest windows see only what is edited just now.
            state(release, **edited, rate=next(rates))
            ever = f'last_over_time({{__name__=~"slo:error_ratio:.+",namespace="{release}"}}[15m])'
            return len(prometheus.query(ever)) == _RATIOS

        eventually("every window of every promise", measured)
    return Paid(name, began, prometheus.now())

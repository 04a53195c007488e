"""Values that are wrong are refused before anything is applied, and in words that help."""

import json
import subprocess

import pytest
from tests.charts.conftest import CHARTS, ENVIRONMENTS, ROOT, SERVICES, Refused, Render, of_kind

BAD = [
    ("wallet.replicaCount=-1", "replicaCount"),
    ("wallet.replicaCuont=2", "replicaCuont"),
    ("walet.replicaCount=2", "walet"),
    ("wallet.database.kind=mysql", "kind"),
    ("fx.database.kind=postgresql", "kind"),
    ("wallet.database.kind=sqlite,wallet.replicaCount=3", "replicaCount"),
    ("wallet.database.kind=sqlite,wallet.autoscaling.enabled=true", "autoscaling"),
    ("payments.settings.KURS_PAYMNT_TIMEOUT=5", "KURS_PAYMNT_TIMEOUT"),
    ("payments.settings.KURS_PAYMENT_SECONDS=soon", "KURS_PAYMENT_SECONDS"),
    ("payments.settings.KURS_SET_ASIDE_ATTEMPTS=1.5", "KURS_SET_ASIDE_ATTEMPTS"),
    ("payments.settings.KURS_SET_ASIDE_ATTEMPTS=0", "KURS_SET_ASIDE_ATTEMPTS"),
    ("payments.settings.KURS_PORT=80", "KURS_PORT"),
    ("fx.settings.KURS_QUOTE_SIGNING_KEYS_FILE=a", "KURS_QUOTE_SIGNING_KEYS_FILE"),
    ("api-gateway.settings.KURS_FORWARDED_HEADER=Via", "KURS_FORWARDED_HEADER"),
    ("fx.sourceSecrets.key=host", "sourceSecrets"),
    ("fx.probes.startup.periodSeconds=0", "periodSeconds"),
    ("risk.image.digest=latest", "digest"),
    ("risk.env[0].name=KURS_FAULT_ERROR_RATIO,risk.env[0].value=1", "env"),
    ("risk.env[0].name=KURS_PORT,risk.env[0].value=1", "env"),
    ("risk.shutdown.preStopSeconds=60", "shutdown.graceSeconds"),
    ("risk.autoscaling.enabled=true,risk.resources.requests.cpu=null", "resources.requests.cpu"),
    ("api-gateway.httpRoute.enabled=true", "httpRoute.parentRefs"),
    ("risk.faults.errorRatio=2", "errorRatio"),
    ("api-gateway.service.nodePort=80", "nodePort"),
    ("api-gateway.resources.requests.memory=lots", "memory"),
    ("api-gateway.apiKeys.existingSecret=", "existingSecret"),
    ("global.environment=prod", "environment"),
    ("global.telemetry.traceRatio=7", "traceRatio"),
    ("global.network.dns=all", "dns"),
    ("secrets.merchant=a b", "merchant"),
    ("postgresql.databases={Wallet}", "databases"),
]


@pytest.mark.parametrize(("values", "named"), BAD, ids=[values for values, _ in BAD])
def test_a_bad_value_is_refused_by_name(render: Render, values: str, named: str) -> None:
    with pytest.raises(Refused) as refusal:
        render("kurs", "dev", "--set", values)

    assert named in str(refusal.value)


def test_production_refuses_faults(render: Render) -> None:
    with pytest.raises(Refused, match="wallet: fault switches are for demonstrations"):
        render("kurs", "production", "--set", "wallet.faults.delaySeconds=1")


def test_faults_are_off_unless_asked_for(render: Render) -> None:
    assert "KURS_FAULT" not in json.dumps(render("kurs", "dev"))
    asked = json.dumps(render("kurs", "dev", "--set", "risk.faults.errorRatio=0.5"))
    assert "KURS_FAULT_ERROR_RATIO" in asked


@pytest.mark.parametrize(
    "name",
    ["fx.quoteSigningKeys", "wallet.quoteVerifyKeys", "payments.quoteVerifyKeys"],
)
def test_quotes_are_checked_with_the_keys_that_sign_them(render: Render, name: str) -> None:
    with pytest.raises(Refused, match="different Secrets"):
        render("kurs", "dev", "--set", f"{name}.existingSecret=other")


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_installs_by_itself(render: Render, service: str) -> None:
    documents = render(service)

    assert service in of_kind(documents, "Deployment")
    assert service in of_kind(documents, "Service")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_helm_lint_finds_nothing(helm: str, environment: str) -> None:
    values = ROOT / "k8s" / "environments" / f"{environment}.yaml"
    done = subprocess.run(
        [helm, "lint", "--strict", "--quiet", str(CHARTS / "kurs"), "-f", str(values)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_large_number_stays_as_it_is_written(render: Render) -> None:
    value = "payments.settings.KURS_HOLD_SECONDS=604800000"
    deployment = of_kind(render("kurs", "dev", "--set", value), "Deployment")["payments"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]

    assert {"name": "KURS_HOLD_SECONDS", "value": "604800000"} in container["env"]

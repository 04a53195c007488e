"""The Collector's file, read only: it agrees with the promises, the services and the charts."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from starlette.responses import Response
from tests.observability.running_collector import CONFIG, policies
from tests.observability.test_installation import HELM, Document, helm, of_kind

from api_gateway.settings import GatewaySettings
from kurs.calls import Request
from kurs.telemetry import TelemetryMiddleware
from kurs.telemetry.export import _TIMEOUT_SECONDS
from kurs_observability.slo import load_slos
from kurs_testing.asgi import AsgiTransport
from kurs_testing.telemetry import RecordingTelemetry
from payments.settings import PaymentsSettings

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = ROOT / "k8s" / "environments"
STATUS = "http.response.status_code"
SERVICES = ("api-gateway", "payments", "fx", "wallet", "risk")


@pytest.fixture(scope="module")
def config() -> Any:
    return yaml.safe_load(CONFIG.read_text("utf-8"))


@pytest.fixture(scope="module")
def for_charts() -> Any:
    """The values that docs/observability.md tells to give the charts."""
    page = (ROOT / "docs" / "observability.md").read_text("utf-8")
    (block,) = [b for b in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "traceRatio" in b]
    return yaml.safe_load(block)


def bad_of(promise: str) -> str:
    (found,) = [slo.bad for slo in load_slos() if slo.name == promise]
    assert found is not None
    return found


def test_its_pipeline_is_made_of_what_it_defines(config: Any) -> None:
    (pipeline,) = config["service"]["pipelines"].values()
    for part in ("receivers", "processors", "exporters"):
        assert pipeline[part] == list(config[part])


def test_slow_is_what_the_promise_of_latency_counts_as_bad() -> None:
    (bound,) = re.findall(r'le="([^"]+)"', bad_of("payments-latency"))
    assert policies()["slow"]["latency"] == {"threshold_ms": float(bound) * 1000}


def test_answers_are_kept_that_the_promise_of_availability_counts_as_bad() -> None:
    (bad,) = re.findall(r'http_response_status_code=~"([^"]+)"', bad_of("payments-availability"))
    kept: set[int] = set()
    for policy in policies().values():
        if policy["type"] == "numeric_attribute":
            rule = policy["numeric_attribute"]
            assert rule["key"] == STATUS
            kept.update(range(rule["min_value"], rule["max_value"] + 1))
    assert kept == {status for status in range(1000) if re.fullmatch(bad, str(status))}


async def test_spans_have_the_status_as_a_number_under_that_name() -> None:
    telemetry = RecordingTelemetry("any")
    app = TelemetryMiddleware(Response(status_code=202), telemetry)
    await AsgiTransport({"http://any.test": app}).send(Request("POST", "http://any.test/payments"))
    (span,) = telemetry.spans()
    assert span.attributes is not None
    assert type(span.attributes[STATUS]) is int
    assert span.attributes[STATUS] == 202


def test_it_decides_when_the_last_span_of_a_payment_has_come(config: Any) -> None:
    answered = max(GatewaySettings().request_seconds, PaymentsSettings().payment_seconds)
    gathered = BatchSpanProcessor._default_schedule_delay_millis() / 1000  # noqa: SLF001
    wait = re.fullmatch(r"(\d+)s", config["processors"]["tail_sampling"]["decision_wait"])
    assert wait is not None
    assert int(wait[1]) > answered + gathered + _TIMEOUT_SECONDS


def test_what_it_keeps_goes_where_traces_go_without_it(config: Any) -> None:
    production = yaml.safe_load((ENVIRONMENTS / "production.yaml").read_text("utf-8"))
    (exporter,) = config["exporters"].values()
    assert exporter["endpoint"] == production["global"]["telemetry"]["otlpEndpoint"]


def test_services_are_told_to_record_all_and_to_send_it_here(config: Any, for_charts: Any) -> None:
    told = for_charts["global"]["telemetry"]
    listening = config["receivers"]["otlp"]["protocols"]["http"]["endpoint"]
    assert told["traceRatio"] == 1
    assert urlsplit(told["otlpEndpoint"]).port == int(listening.rpartition(":")[2])


@pytest.mark.skipif(HELM is None, reason="helm is not on PATH: make doctor says how to get it")
def test_the_charts_take_that_and_let_the_spans_through(for_charts: Any, tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump(for_charts))
    production = ENVIRONMENTS / "production.yaml"
    rendered = helm("kurs", ROOT / "charts" / "kurs", "-f", str(production), "-f", str(values))
    policies = of_kind(rendered, "NetworkPolicy")
    deployments = of_kind(rendered, "Deployment")
    port = urlsplit(for_charts["global"]["telemetry"]["otlpEndpoint"]).port
    rule = {"ports": [{"port": port}], "to": for_charts["global"]["network"]["collector"]}
    for name in SERVICES:
        assert rule in policies[name]["spec"]["egress"]
        assert variables(deployments[name])["KURS_TRACE_RATIO"] == "1"
    # Else a caller who does not sample would leave his payments out, the bad ones, too.
    assert variables(deployments["api-gateway"])["KURS_TRUST_TRACEPARENT"] == "false"


def variables(deployment: Document) -> dict[str, str]:
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return {variable["name"]: variable.get("value", "") for variable in container["env"]}

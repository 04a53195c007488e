"""What is installed: our chart, and the charts of others with our values."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.observability.queries import FOREIGN

from kurs_observability.alerts import CONFIGURATION

ROOT = Path(__file__).parents[2]
OBSERVABILITY = ROOT / "observability"
PUBLIC = os.environ.get("KURS_MONITORING_CHARTS", "")
HELM = shutil.which("helm")

pytestmark = pytest.mark.skipif(
    HELM is None, reason="helm is not on PATH: make doctor says how to get it"
)
needs_public_charts = pytest.mark.skipif(
    not PUBLIC,
    reason="set KURS_MONITORING_CHARTS to a folder with the public charts: helm pull --untar "
    "oci://ghcr.io/prometheus-community/charts/kube-prometheus-stack and "
    "oci://ghcr.io/grafana-community/helm-charts/tempo",
)

Document = dict[str, Any]


def helm(name: str, chart: Path, *arguments: str) -> list[Document]:
    """Return what a chart renders; fails the test with what Helm says."""
    assert HELM is not None
    command = [HELM, "template", name, str(chart), "-n", "monitoring", "--kube-version", "1.34.0"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def of_kind(documents: list[Document], kind: str) -> dict[str, Document]:
    return {d["metadata"]["name"]: d for d in documents if d["kind"] == kind}


@pytest.fixture(scope="module")
def own() -> list[Document]:
    return helm("obs", ROOT / "charts" / "kurs-observability", "--set", "grafanaUrl=http://g.test")


def test_each_dashboard_is_a_config_map_that_the_sidecar_finds(own: list[Document]) -> None:
    maps = of_kind(own, "ConfigMap").values()
    files: dict[str, str] = {}
    for found in maps:
        assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert found["metadata"]["annotations"]["grafana_folder"] == "Kurs"
        files.update(found["data"])
    rendered = ROOT / "charts" / "kurs-observability" / "files" / "dashboards"
    assert files == {f.name: f.read_text("utf-8") for f in rendered.glob("*.json")}
    assert len(files) == len(maps) == 7
    assert all(json.loads(text)["uid"] for text in files.values())


def test_rules_arrive_whole_with_links_that_lead_somewhere(own: list[Document]) -> None:
    rules = of_kind(own, "PrometheusRule")
    assert set(rules) == {"kurs-alerts", "kurs-slos"}
    folder = ROOT / "charts" / "kurs-observability" / "files" / "rules"
    for name, found in rules.items():
        file = yaml.safe_load((folder / f"{name.removeprefix('kurs-')}.yaml").read_text("utf-8"))
        expressions = [rule["expr"] for group in file["groups"] for rule in group["rules"]]
        shipped = [rule for group in found["spec"]["groups"] for rule in group["rules"]]
        assert [rule["expr"] for rule in shipped] == expressions
        for rule in (rule for rule in shipped if "alert" in rule):
            assert rule["annotations"]["dashboard_url"].startswith("http://g.test/d/kurs-")
            assert rule["annotations"]["summary"].count("{{") >= 1


def test_the_operator_alone_brings_the_alerts_on_what_it_configures() -> None:
    chart = ROOT / "charts" / "kurs-operator"
    chosen = (
        "--set",
        "alerts.enabled=true,alerts.grafanaUrl=http://g.test,alerts.labels.release=m",
    )
    (rule,) = of_kind(helm("op", chart, *chosen), "PrometheusRule").values()

    assert rule["metadata"]["labels"]["release"] == "m"
    (group,) = rule["spec"]["groups"]
    assert {each["alert"] for each in group["rules"]} == {a.name for a in CONFIGURATION}
    for each in group["rules"]:
        assert each["annotations"]["dashboard_url"].startswith("http://g.test/d/kurs-operator?var-")
    assert of_kind(helm("op", chart), "PrometheusRule") == {}


@needs_public_charts
def test_prometheus_takes_up_what_is_ours_and_keeps_exemplars() -> None:
    documents = _stack()
    (prometheus,) = of_kind(documents, "Prometheus").values()
    spec = prometheus["spec"]
    for kind in ("serviceMonitor", "podMonitor", "rule", "probe", "scrapeConfig"):
        assert spec[f"{kind}Selector"] == {}, kind
        assert spec[f"{kind}NamespaceSelector"] == {}, kind
    assert "exemplar-storage" in spec["enableFeatures"]
    assert spec["enableRemoteWriteReceiver"] is True
    assert "kube-prometheus-stack-prometheus" in of_kind(documents, "Service")
    assert of_kind(documents, "Alertmanager") == {}
    # Three days is how far a promise looks back.
    assert spec["retention"] == "10d"


@needs_public_charts
def test_nothing_looks_for_the_alertmanager_that_is_off() -> None:
    documents = _stack()
    sources = of_kind(documents, "ConfigMap")["kube-prometheus-stack-grafana-datasource"]["data"]
    alerts = {
        rule["alert"]
        for document in of_kind(documents, "PrometheusRule").values()
        for group in document["spec"]["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }

    assert "alertmanager" not in sources["datasource.yaml"].lower()
    assert len(alerts) > 50
    assert not [name for name in alerts if "Alertmanager" in name and "Send" not in name]


@needs_public_charts
def test_no_monitor_is_left_that_cannot_work_on_kind() -> None:
    names = " ".join(of_kind(_stack(), "ServiceMonitor"))
    assert not re.search(r"etcd|scheduler|controller-manager|kube-proxy|alertmanager", names)
    assert "kubelet" in names


@needs_public_charts
def test_what_the_scaling_panels_read_is_scraped_with_its_own_labels() -> None:
    monitors = of_kind(_stack(), "ServiceMonitor")
    objects = monitors["kube-prometheus-stack-kube-state-metrics"]["spec"]["endpoints"]
    kubelet = monitors["kube-prometheus-stack-kubelet"]["spec"]["endpoints"]
    containers = [e for e in kubelet if e.get("path") == "/metrics/cadvisor"]
    wanted = [name for name in FOREIGN if name.startswith(("kube_", "container_"))]

    assert wanted
    assert len(containers) == 1
    for endpoint in (*objects, *containers):
        # Otherwise `namespace` and `pod` would be those of the exporter.
        assert endpoint["honorLabels"] is True
        dropped = [
            rule["regex"]
            for rule in endpoint.get("metricRelabelings") or ()
            if rule["action"] == "drop" and rule["sourceLabels"] == ["__name__"]
        ]
        assert not [name for name in wanted for regex in dropped if re.fullmatch(regex, name)]


@needs_public_charts
def test_grafana_links_graphs_and_traces_and_has_no_default_password() -> None:
    documents = _stack()
    sources = yaml.safe_load(
        of_kind(documents, "ConfigMap")["kube-prometheus-stack-grafana-datasource"]["data"][
            "datasource.yaml"
        ]
    )
    by_uid = {source["uid"]: source for source in sources["datasources"]}
    exemplars = by_uid["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]
    assert exemplars == [
        {"datasourceUid": "tempo", "name": "trace_id", "urlDisplayLabel": "View trace"}
    ]
    tempo = by_uid["tempo"]["jsonData"]
    assert tempo["tracesToMetrics"]["datasourceUid"] == "prometheus"
    assert "$$__tags" in tempo["tracesToMetrics"]["queries"][0]["query"]
    assert "prom-operator" not in json.dumps(of_kind(documents, "Secret"))


@needs_public_charts
def test_grafana_lets_nobody_look_without_signing_in_but_on_a_laptop() -> None:
    def settings(*overlays: str) -> str:
        maps = of_kind(_stack(*overlays), "ConfigMap")
        return str(maps["kube-prometheus-stack-grafana"]["data"]["grafana.ini"])

    assert "anonymous" not in settings()
    assert "allow_embedding" not in settings()
    laptop = settings("laptop")
    assert re.search(r"allow_embedding = true", laptop)
    assert re.search(r"\[auth.anonymous\]\nenabled = true", laptop)
    assert "org_role = Viewer" in laptop


def test_only_the_overlay_of_a_laptop_opens_grafana() -> None:
    folder = OBSERVABILITY / "kube-prometheus-stack"
    chosen = {p.name: yaml.safe_load(p.read_text("utf-8")) for p in folder.glob("*.yaml")}

    assert set(chosen) == {"values.yaml", "laptop.yaml"}
    assert set(chosen["values.yaml"]["grafana"]["grafana.ini"]) == {"analytics"}
    assert set(chosen["laptop.yaml"]) == {"grafana"}


@needs_public_charts
def test_dashboards_go_into_folders_by_annotation() -> None:
    documents = _stack()
    provider = json.dumps(
        of_kind(documents, "ConfigMap")["kube-prometheus-stack-grafana-config-dashboards"]["data"]
    )
    assert "foldersFromFilesStructure: true" in provider
    grafana = json.dumps(of_kind(documents, "Deployment")["kube-prometheus-stack-grafana"])
    assert '"FOLDER_ANNOTATION", "value": "grafana_folder"' in grafana
    assert '"NAMESPACE", "value": "ALL"' in grafana


@needs_public_charts
def test_tempo_makes_metrics_of_spans_and_takes_otlp() -> None:
    values = OBSERVABILITY / "tempo" / "values.yaml"
    documents = helm("tempo", Path(PUBLIC) / "tempo", "-f", str(values))
    config = yaml.safe_load(of_kind(documents, "ConfigMap")["tempo"]["data"]["tempo.yaml"])
    generator = config["overrides"]["defaults"]["metrics_generator"]
    assert generator["processors"] == ["service-graphs", "span-metrics"]
    assert generator["trace_id_label_name"] == "trace_id"
    (target,) = config["metrics_generator"]["storage"]["remote_write"]
    assert target["send_exemplars"] is True
    assert target["url"].startswith("http://kube-prometheus-stack-prometheus.monitoring:9090/")
    assert config["usage_report"]["reporting_enabled"] is False
    ports = {port["port"] for port in of_kind(documents, "Service")["tempo"]["spec"]["ports"]}
    assert {3200, 4317, 4318} <= ports


def _stack(*overlays: str) -> list[Document]:
    folder = OBSERVABILITY / "kube-prometheus-stack"
    files = [f"-f={folder / name}.yaml" for name in ("values", *overlays)]
    return helm("kube-prometheus-stack", Path(PUBLIC) / "kube-prometheus-stack", *files)

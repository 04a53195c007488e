"""`make dev OBSERVED=1`: what Prometheus is told, and what is said where no container can run."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from tests.observability.promtool import needs_promtool, promtool

from devstack.__main__ import main
from devstack.errors import StackError
from devstack.observed import NAMESPACE, PORTS, Observation, write_folder
from devstack.topology import ports_from

LAPTOP = Path(__file__).parents[2] / "observability" / "laptop"
CLUSTER = LAPTOP.parent / "kube-prometheus-stack" / "values.yaml"
SCHEMA = os.environ.get("KURS_COMPOSE_SCHEMA", "")
SERVICES = ports_from(8080)


def read(name: str) -> Any:
    return yaml.safe_load((LAPTOP / name).read_text("utf-8"))


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `docker` that writes down what it is asked to do, and fails if a file says so."""
    script = tmp_path / "bin" / "docker"
    script.parent.mkdir()
    script.write_text(
        f'#!/bin/sh\necho "$@" "$KURS_OBSERVED" >> {tmp_path}/asked\n'
        f'case "$*" in *up*) test ! -e {tmp_path}/broken;; esac\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}:/usr/bin:/bin")
    return tmp_path / "asked"


def test_without_an_engine_it_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("devstack.__main__.raise_on_signals", lambda: None)

    assert main(["--observed", "--folder", str(tmp_path / "var")]) == 1

    said = capsys.readouterr().err
    assert "needs Docker or Podman" in said
    assert said.count("\n") == 1


def test_containers_begin_and_end_with_it(
    engine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devstack.observed.is_free", lambda _: True)
    observation = Observation(tmp_path / "var", SERVICES)
    observation.start()
    observation.stop()

    asked = [line.split() for line in engine.read_text().splitlines()]
    file, folder = str(LAPTOP / "compose.yaml"), str(tmp_path / "var" / "observed")
    assert asked == [
        ["compose", "version"],
        ["info"],
        ["compose", "--file", file, "down", folder],
        ["compose", "--file", file, "up", "--detach", folder],
        ["compose", "--file", file, "down", folder],
    ]


def test_what_cannot_start_and_a_taken_port_are_sentences(
    engine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken").touch()
    observation = Observation(tmp_path / "var", SERVICES)
    monkeypatch.setattr("devstack.observed.is_free", lambda _: True)
    with pytest.raises(StackError, match="ended with code 1"):
        observation.start()
    monkeypatch.setattr("devstack.observed.is_free", lambda port: port != PORTS["Grafana"])
    with pytest.raises(StackError, match="port 3000, which Grafana needs"):
        observation.start()


def test_every_service_is_scraped_as_in_a_cluster(tmp_path: Path) -> None:
    write_folder(tmp_path, SERVICES)
    told = json.loads((tmp_path / "targets" / "kurs.json").read_text())
    assert {(t["targets"][0], t["labels"]["job"]) for t in told} == {
        (f"127.0.0.1:{port + 1000}", name) for name, port in SERVICES.items()
    }
    assert {t["labels"]["namespace"] for t in told} == {NAMESPACE}
    rules = (tmp_path / "rules" / "alerts.yaml").read_text()
    assert "dashboard_url: http://localhost:3000/d/kurs-" in rules


@needs_promtool
def test_prometheus_takes_the_configuration_and_the_rules(tmp_path: Path) -> None:
    shutil.copy(LAPTOP / "prometheus.yaml", tmp_path)
    write_folder(tmp_path, SERVICES)
    said = promtool("check", "config", "prometheus.yaml", folder=tmp_path)
    assert "2 rule files found" in said


def test_grafana_has_the_sources_that_dashboards_and_the_console_name() -> None:
    here = {s["uid"]: s for s in read("grafana/datasources/kurs.yaml")["datasources"]}
    there = yaml.safe_load(CLUSTER.read_text("utf-8"))["grafana"]
    (tempo,) = there["additionalDataSources"]
    assert here["tempo"]["jsonData"] == tempo["jsonData"]
    assert here["prometheus"]["uid"] == there["sidecar"]["datasources"]["uid"]
    links = here["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]
    assert [link["datasourceUid"] for link in links] == ["tempo"]


def test_nothing_is_reached_from_another_machine() -> None:
    services = read("compose.yaml")["services"]
    assert all(s["network_mode"] == "host" and "ports" not in s for s in services.values())
    assert "--web.listen-address=127.0.0.1:9090" in services["prometheus"]["command"]
    assert services["grafana"]["environment"]["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"
    tempo = read("tempo.yaml")
    assert tempo["server"]["http_listen_address"] == "127.0.0.1"
    assert tempo["server"]["grpc_listen_address"] == "127.0.0.1"
    assert tempo["distributor"]["receivers"]["otlp"]["protocols"]["http"]["endpoint"] == (
        f"127.0.0.1:{PORTS['OTLP']}"
    )


def test_what_is_mounted_is_there() -> None:
    for service in read("compose.yaml")["services"].values():
        for mount in service["volumes"]:
            source = mount.rpartition(":")[0].rpartition(":")[0]
            assert "KURS_OBSERVED" in source or (LAPTOP / source).exists(), source


@pytest.mark.skipif(
    not SCHEMA, reason="set KURS_COMPOSE_SCHEMA to schema/compose-spec.json of compose-spec"
)
def test_it_holds_the_schema_of_compose() -> None:
    schema = json.loads(Path(SCHEMA).read_text("utf-8"))
    jsonschema.Draft7Validator(schema).validate(read("compose.yaml"))

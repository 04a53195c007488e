"""What is no core resource: held to the definitions of those whose it is.

Ours are always there. Others come from a folder of CustomResourceDefinitions that KURS_CRDS names
(folders are separated by `:`), such as those in the Go modules of prometheus-operator and of the
Gateway API: `go mod download` of
github.com/prometheus-operator/prometheus-operator (example/prometheus-operator-crd) and
sigs.k8s.io/gateway-api (config/crd/standard).
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from tests.charts.conftest import CHARTS, ENVIRONMENTS, SERVICES, Document, Render, of_kind

from kurs.config.resources import WebhooksDocument, WebhooksPayload

_FOREIGN = [Path(name) for name in os.environ.get("KURS_CRDS", "").split(":") if name]
_ROUTE = "httpRoute.enabled=true,httpRoute.parentRefs[0].name=public,httpRoute.hostnames[0]=k.test"
_MONITOR = "serviceMonitor.enabled=true,serviceMonitor.labels.release=monitoring"
Key = tuple[str, str]
needs_definitions = pytest.mark.skipif(
    not _FOREIGN, reason="KURS_CRDS names no folder of definitions; see the head of this file"
)


class _Loader(yaml.SafeLoader):
    """Takes a bare `=` for text, as YAML 1.2 does; PyYAML follows 1.1, and has no type for it."""


_Loader.add_constructor("tag:yaml.org,2002:value", yaml.SafeLoader.construct_yaml_str)


def definitions() -> Iterator[tuple[Key, dict[str, Any]]]:
    """Yield the schema of every version of every kind that is defined."""
    for folder in (CHARTS / "kurs-operator" / "crds", *_FOREIGN):
        for file in folder.glob("*.yaml"):
            for found in yaml.load_all(file.read_text("utf-8"), _Loader):
                spec = found["spec"]
                for version in spec["versions"]:
                    key = (f"{spec['group']}/{version['name']}", spec["names"]["kind"])
                    yield key, closed(version["schema"]["openAPIV3Schema"])


def closed(schema: Any) -> Any:
    """Return a schema that refuses what the API server would prune."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: closed(value) for key, value in schema.items()}
    preserving = schema.get("x-kubernetes-preserve-unknown-fields")
    if isinstance(schema.get("properties"), dict) and not preserving:
        made.setdefault("additionalProperties", False)
    if schema.get("x-kubernetes-int-or-string"):
        made.pop("type", None)
    if isinstance(schema.get("pattern"), str) and "(?i)" in schema["pattern"][1:]:
        # Go takes a flag in the middle of an expression.
        del made["pattern"]
    return made


@pytest.fixture(scope="module")
def known() -> dict[Key, dict[str, Any]]:
    """The schemas by version and kind."""
    found = dict(definitions())
    for schema in found.values():
        # Metadata is the API server's own, and these say no more of it than that it is an object.
        schema["properties"]["metadata"] = {"type": "object"}
    return found


def check(documents: list[Document], known: dict[Key, dict[str, Any]], kind: str) -> int:
    """Hold the documents of a kind to its definition; return how many there were."""
    chosen = [d for d in documents if d["kind"] == kind]
    for document in chosen:
        jsonschema.validate(document, known[document["apiVersion"], kind])
    return len(chosen)


def seeded(documents: list[Document]) -> list[Document]:
    """Return the resources that an environment begins with."""
    texts = of_kind(documents, "ConfigMap")["kurs-operator-prepare"]["data"].values()
    return [content for text in texts for content in yaml.safe_load_all(text)]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_our_resources_are_as_we_define_them(
    render: Render, known: dict[Key, dict[str, Any]], environment: str
) -> None:
    documents = seeded(render("kurs", environment))

    assert check(documents, known, "FXRateSource") >= 1
    assert check(documents, known, "RiskThreshold") >= 3


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_no_release_holds_what_people_edit(render: Render, environment: str) -> None:
    # An upgrade would take an edit back, or with server-side apply fail half done.
    kinds = {document["kind"] for document in render("kurs", environment)}

    assert not kinds & {"FXRateSource", "RiskThreshold", "EventDestination"}


def test_without_the_operator_webhooks_has_a_document_of_no_destinations_or_the_given_one(
    render: Render,
) -> None:
    def document(*given: str) -> WebhooksDocument:
        off = ("--set", "operator.enabled=false", *given)
        found = of_kind(render("kurs", "dev", *off), "ConfigMap")["kurs-webhooks-config"]
        return WebhooksDocument.model_validate_json(found["data"]["config.json"])

    assert document().payload.destinations == ()
    own = WebhooksDocument.build(WebhooksPayload())
    assert document("--set-json", f"config.documents.webhooks={json.dumps(own.to_json())}") == own


def test_a_field_that_nobody_defined_is_refused(known: dict[Key, dict[str, Any]]) -> None:
    threshold = {"kind": "RiskThreshold", "spec": {"mod": "Shadow"}}

    with pytest.raises(jsonschema.ValidationError, match="mod"):
        jsonschema.validate(threshold, known["kurs.dev/v1alpha1", "RiskThreshold"])


@needs_definitions
@pytest.mark.parametrize("chart", [*SERVICES, "kurs-operator"])
def test_a_monitor_is_what_prometheus_operator_takes(
    render: Render, known: dict[Key, dict[str, Any]], chart: str
) -> None:
    assert check(render(chart, "", "--set", _MONITOR), known, "ServiceMonitor") == 1


@needs_definitions
def test_rules_are_what_prometheus_operator_takes(
    render: Render, known: dict[Key, dict[str, Any]]
) -> None:
    assert check(render("kurs-observability"), known, "PrometheusRule") == 2
    alone = render("kurs-operator", "", "--set", "alerts.enabled=true")
    assert check(alone, known, "PrometheusRule") == 1


@needs_definitions
def test_a_route_is_what_the_gateway_api_takes(
    render: Render, known: dict[Key, dict[str, Any]]
) -> None:
    assert check(render("api-gateway", "", "--set", _ROUTE), known, "HTTPRoute") == 1

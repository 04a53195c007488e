"""The charts' `values.schema.json`: closed, and written from one description of their values.

Beside them the table of edges, so that policies and Secrets are those of the code.

`python -m devstack.chart_schemas` writes them; a test holds the files to it. The variables that a
service's `settings` may have are those of its settings class, so that a misspelt one is refused
before anything is installed.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from api_gateway.settings import GatewaySettings
from devstack.chart_values import (
    GLOBAL,
    SERVICE,
    choice,
    closed,
    flag,
    items,
    mapping,
    text,
)
from devstack.topology import repository
from fx.settings import FxSettings
from kurs.edges import EDGES
from kurs.kernel.settings import ServiceSettings
from kurs_operator.settings import OperatorSettings
from payments.settings import PaymentsSettings
from risk.settings import RiskSettings
from wallet.settings import WalletSettings

Schema = dict[str, Any]
EDGES_FILE = Path("service-lib/templates/_edges.tpl")

_OWNED = frozenset(
    (
        *("service", "host", "port", "operations_port", "instance", "config_dir", "secrets_dir"),
        *("source_secret_hosts", "database_url", "database_url_file", "edge_keys_dir"),
        *("database_service_role", "ledger_signing_key_file"),
        *("metrics_enabled", "trace_ratio", "otlp_endpoint", "drain_seconds"),
        *("quote_signing_keys_file", "quote_verify_keys_file", "api_keys_file"),
        *("fault_delay_seconds", "fault_error_ratio", "fault_unready"),
    )
)
"""Fields that a chart sets from values of its own."""

_DOCUMENT = closed(
    "The document that the operator writes.",
    configMap=text("ConfigMap with the key config.json, mounted as a folder.", least=1),
)
_QUOTE_SIGNING_KEYS = closed(
    "The private keys that quotes are signed with.",
    existingSecret=text("Secret that holds them.", least=1),
    key=text("Its key, with the keys as PEM, the newest first.", least=1),
)
_QUOTE_VERIFY_KEYS = closed(
    "The public keys that quotes are checked with.",
    existingSecret=text("Secret that holds them.", least=1),
    key=text("Its key, with any number of keys as PEM.", least=1),
)
_OWN: Mapping[str, tuple[type[ServiceSettings], tuple[str, ...], Schema]] = {
    "api-gateway": (
        GatewaySettings,
        ("none",),
        {
            "apiKeys": closed(
                "The accepted API keys.",
                existingSecret=text("Secret that holds them.", least=1),
                key=text("Its key, with the list of digests.", least=1),
            ),
            "test": closed(
                "What `helm test` pays with.",
                apiKeySecret=closed(
                    "An API key with every role.",
                    name=text("Secret that holds its text.", least=1),
                    key=text("Its key.", least=1),
                ),
            ),
            "httpRoute": closed(
                "A route of the Gateway API.",
                enabled=flag("Whether it is rendered."),
                parentRefs=items("Gateways that it attaches to."),
                hostnames=items("Host names that it serves.", text("A host name.")),
            ),
        },
    ),
    "payments": (
        PaymentsSettings,
        ("postgresql", "sqlite"),
        {"quoteVerifyKeys": _QUOTE_VERIFY_KEYS},
    ),
    "fx": (
        FxSettings,
        ("none",),
        {
            "config": _DOCUMENT,
            "quoteSigningKeys": _QUOTE_SIGNING_KEYS,
            "sourceSecrets": mapping(
                "Secrets of HTTP sources, by name.",
                items("Hosts that it may be sent to.", text("Name or address.", least=1)),
            ),
        },
    ),
    "wallet": (
        WalletSettings,
        ("postgresql", "sqlite"),
        {
            "quoteVerifyKeys": _QUOTE_VERIFY_KEYS,
            "ledgerKey": closed(
                "The key that signs the ledger's heads.",
                existingSecret=text("Secret that holds it.", least=1),
                key=text("Its key, with an Ed25519 key as PEM.", least=1),
            ),
        },
    ),
    "risk": (RiskSettings, ("postgresql", "sqlite"), {"config": _DOCUMENT}),
}

_ONE_WRITER: Schema = {
    "if": {"properties": {"database": {"properties": {"kind": {"const": "sqlite"}}}}},
    "then": {
        "properties": {
            "replicaCount": {"const": 1},
            "autoscaling": {"properties": {"enabled": {"const": False}}},
        }
    },
}
"""An embedded database has one process."""


def schemas() -> Iterator[tuple[str, Schema]]:
    """Yield the name of every chart here and the schema of its values."""
    for chart, (settings, kinds, own) in _OWN.items():
        yield chart, _service(chart, settings, kinds, own)
    yield "postgresql", _document("postgresql", _postgresql())
    yield "kurs-operator", _document("kurs-operator", _operator())
    yield "kurs", _document("kurs", _umbrella())


def rendered(schema: Schema) -> str:
    """Return the text of a schema file."""
    return json.dumps(schema, indent=2) + "\n"


def main() -> int:
    """Write every schema, and the table of edges."""
    charts = repository() / "charts"
    for chart, schema in schemas():
        (charts / chart / "values.schema.json").write_text(rendered(schema))
    (charts / EDGES_FILE).write_text(edges_template())
    return 0


def edges_template() -> str:
    """Return the table of edges (kurs.edges) as a template of the library chart."""
    edges = ",\n".join(f'  {{"from": "{caller}", "to": "{callee}"}}' for caller, callee in EDGES)
    return (
        "{{/* Who calls whom: written from kurs.edges by `make chart-schemas`. */}}\n\n"
        f'{{{{- define "service-lib.edges" -}}}}\n[\n{edges}\n]\n{{{{- end }}}}\n'
    )


def _service(
    chart: str, settings: type[ServiceSettings], kinds: tuple[str, ...], own: Schema
) -> Schema:
    properties = {
        **SERVICE,
        **own,
        "settings": closed("Variables of the service.", **dict(_variables(settings))),
    }
    database = properties["database"]
    kind = choice("Where the service keeps its data.", *kinds)
    properties["database"] = {**database, "properties": {**database["properties"], "kind": kind}}
    if chart == "api-gateway":
        policy = properties["networkPolicy"]
        clients = items("Who may call the gateway, as NetworkPolicy peers; empty: everyone.")
        properties["networkPolicy"] = {
            **policy,
            "properties": {"clients": clients, **policy["properties"]},
        }
    return {**_document(chart, properties), "allOf": [_ONE_WRITER]}


def _variables(settings: type[ServiceSettings]) -> Iterator[tuple[str, Schema]]:
    for name, field in settings.model_fields.items():
        if name not in _OWNED:
            yield f"KURS_{name.upper()}", _variable(field.annotation)


def _variable(annotation: Any) -> Schema:
    kinds = get_args(annotation) or (annotation,)
    if bool in kinds:
        return {"enum": [True, False, "true", "false"]}
    if int in kinds or float in kinds:
        return {"type": ["number", "string"], "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}
    return {"type": "string"}


def _postgresql() -> Schema:
    return {
        "global": GLOBAL,
        "service-lib": {"type": "object"},
        "image": SERVICE["image"],
        "databases": {
            **items("A database, a role and a Secret for each.", text("", pattern="^[a-z]+$")),
            "minItems": 1,
            "uniqueItems": True,
        },
        "parameters": mapping("Settings of the server.", text("A value.")),
        "storage": closed(
            "The volume.",
            size=SERVICE["database"]["properties"]["volume"]["properties"]["size"],
            storageClassName=text("Empty: the cluster's default."),
        ),
        "resources": SERVICE["resources"],
    }


def _operator() -> Schema:
    shared = (
        "global",
        "service-lib",
        "image",
        "resources",
        "env",
        "podAnnotations",
        "nodeSelector",
    )
    placed = ("tolerations", "affinity", "priorityClassName", "serviceMonitor")
    ports = items("Its ports.", {"type": "integer", "minimum": 1, "maximum": 65535})
    return {
        **{name: SERVICE[name] for name in (*shared, *placed)},
        "settings": closed("Variables of the operator.", **dict(_variables(OperatorSettings))),
        "samples": closed(
            "Resources to begin with.",
            enabled=flag("Whether those of global.environment are installed."),
        ),
        "admissionPolicies": closed(
            "Rules of the API server beyond RBAC.", enabled=flag("Whether they are rendered.")
        ),
        "clusterRoles": closed(
            "What people are given.", enabled=flag("Whether they are rendered.")
        ),
        "crds": closed("The definitions.", upgrade=flag("Whether a Job brings them up to date.")),
        "alerts": closed(
            "A PrometheusRule.",
            enabled=flag("Whether it is rendered."),
            labels=mapping("By which a Prometheus selects it.", text("")),
            runbooksUrl=text("Where the runbooks are read.", least=1),
            grafanaUrl=text("", pattern=r"^https?://[^\s]+[^/\s]$"),
        ),
        "networkPolicy": closed(
            "More rules.",
            apiServer=closed(
                "Where the API server is.",
                to=items("NetworkPolicy peers; empty: any address."),
                ports={**ports, "minItems": 1},
            ),
            extraEgress=items("In a NetworkPolicy's own form."),
        ),
    }


def _umbrella() -> Schema:
    charts = {name: {"type": "object"} for name in (*_OWN, "postgresql", "kurs-operator")}
    return {
        "global": GLOBAL,
        "service-lib": {"type": "object"},
        **charts,
        "secrets": closed(
            "The API key and the quote key.",
            generate=flag("Made once, and kept; false: the Secrets exist already."),
            merchant=text("Whose the API key is.", pattern="^[A-Za-z0-9._-]{1,64}$"),
            rate=text("Its own rate; empty: the merchant's.", pattern="^([0-9]+/[a-z]+)?$"),
        ),
        "operator": closed("The operator.", enabled=flag("Whether it is installed.")),
        "config": closed(
            "What fx and risk run on without the operator.",
            documents=closed(
                "Documents as JSON text.",
                fx=text("What the operator's local mode compiles for fx."),
                risk=text("The same for risk."),
            ),
        ),
    }


def _document(chart: str, properties: Schema) -> Schema:
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": f"Values of charts/{chart}",
        **closed("", **properties),
    }


if __name__ == "__main__":
    sys.exit(main())

"""The CustomResourceDefinitions as plain values, and the files that they are committed as."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, NamedTuple

import yaml
from pydantic import BaseModel

from kurs.config.resources import EventDestinationSpec, FXRateSourceSpec, RiskThresholdSpec
from kurs_operator.conditions import DestinationStatus, RateSourceStatus, ThresholdStatus
from kurs_operator.crds.schema import structural
from kurs_operator.crds.texts import KINDS

GROUP, VERSION = "kurs.dev", "v1alpha1"
RELEASE, RELEASE_ANNOTATION = version("kurs-operator"), "kurs.dev/release"
"""Whose definitions these are, in an annotation: an older release leaves a newer one's alone."""
_READY = '.status.conditions[?(@.type=="Ready")]'


class Column(NamedTuple):
    """A column of `kubectl get`; one with a priority shows with `-o wide` only."""

    name: str
    path: str
    type: str = "string"
    priority: int = 0


class Kind(NamedTuple):
    """What tells one definition from another."""

    name: str
    plural: str
    short: str
    spec: type[BaseModel]
    status: type[BaseModel]
    columns: tuple[Column, ...]
    selectable: tuple[str, ...]


_LIVE = (
    Column("Ready", f"{_READY}.status"),
    Column("Reason", f"{_READY}.reason"),
    Column("Applied", ".status.propagation.summary"),
)
_AGE = Column("Age", ".metadata.creationTimestamp", "date")

KINDS_DEFINED = (
    Kind(
        "FXRateSource",
        "fxratesources",
        "fxrs",
        FXRateSourceSpec,
        RateSourceStatus,
        (
            Column("Type", ".spec.type"),
            Column("Base", ".spec.baseCurrency"),
            Column("Priority", ".spec.priority", "integer"),
            *_LIVE,
            Column("LastRate", ".status.lastRateAt", "date"),
            Column("Interval", ".spec.refreshInterval", priority=1),
            Column("Revision", ".status.revision", priority=1),
            Column("Message", f"{_READY}.message", priority=1),
            _AGE,
        ),
        (".spec.type", ".spec.baseCurrency"),
    ),
    Kind(
        "RiskThreshold",
        "riskthresholds",
        "rth",
        RiskThresholdSpec,
        ThresholdStatus,
        (
            Column("Mode", ".spec.mode"),
            Column("Currency", ".spec.perPayment.currency"),
            Column("Review", ".spec.perPayment.reviewAboveMinor", "integer"),
            Column("Decline", ".spec.perPayment.declineAboveMinor", "integer"),
            *_LIVE,
            Column("Would-Decline", ".status.shadow.decline", "integer", 1),
            Column("Scope", ".spec.scope", priority=1),
            Column("Priority", ".spec.priority", "integer", 1),
            Column("Revision", ".status.revision", priority=1),
            Column("Message", f"{_READY}.message", priority=1),
            _AGE,
        ),
        (".spec.mode",),
    ),
    Kind(
        "EventDestination",
        "eventdestinations",
        "evd",
        EventDestinationSpec,
        DestinationStatus,
        (
            Column("Merchant", ".spec.merchant"),
            *_LIVE,
            Column("Delivered", ".status.deliveredSequence", "integer"),
            Column("Waiting", ".status.waiting", "integer"),
            Column("Oldest", ".status.oldestWaitingAt", "date"),
            Column("URL", ".spec.url", priority=1),
            Column("Revision", ".status.revision", priority=1),
            Column("Message", f"{_READY}.message", priority=1),
            _AGE,
        ),
        (".spec.merchant",),
    ),
)


def definition(kind: Kind) -> dict[str, Any]:
    """Return one CustomResourceDefinition."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{kind.plural}.{GROUP}",
            "labels": {"app.kubernetes.io/part-of": "kurs"},
            "annotations": {"helm.sh/resource-policy": "keep", RELEASE_ANNOTATION: RELEASE},
        },
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "singular": kind.name.lower(),
                "shortNames": [kind.short],
                "categories": ["kurs", "payments"],
            },
            "versions": [_version(kind)],
        },
    }


def files() -> Mapping[str, str]:
    """Return the text of each committed file by its name."""
    return {f"{kind.plural}.yaml": _text(definition(kind)) for kind in KINDS_DEFINED}


def _version(kind: Kind) -> dict[str, Any]:
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [_column(column) for column in kind.columns],
        "selectableFields": [{"jsonPath": path} for path in kind.selectable],
        "schema": {"openAPIV3Schema": _schema(kind)},
    }


def _schema(kind: Kind) -> dict[str, Any]:
    return {
        "type": "object",
        "description": KINDS[kind.name],
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": {"description": "What is asked for.", **structural(kind.spec)},
            "status": {"description": "What has become of it.", **_status(kind)},
        },
    }


def _status(kind: Kind) -> dict[str, Any]:
    schema = structural(kind.status)
    # A map, so that server-side apply knows one condition from another.
    schema["properties"]["conditions"].update(
        {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}
    )
    schema.pop("required")
    return schema


def _column(column: Column) -> dict[str, Any]:
    shown: dict[str, Any] = {"name": column.name, "type": column.type, "jsonPath": column.path}
    return shown | ({"priority": column.priority} if column.priority else {})


def _text(content: Mapping[str, Any]) -> str:
    head = "# Made by `python -m kurs_operator.crds` from the models of kurs.config.resources.\n"
    return head + yaml.safe_dump(content, sort_keys=False, width=100, allow_unicode=True)

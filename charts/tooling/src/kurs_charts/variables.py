"""The `KURS_*` variables that a chart's `settings` take: the fields of a settings class.

What the chart itself decides (port, database, keys, folders) is not among them, so that a misspelt
or a wrong one is refused before anything is installed.
"""

import ast
import importlib
import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from kurs.kernel.settings import ServiceSettings

Schema = dict[str, Any]
_NUMBER = r"^-?[0-9]+(\.[0-9]+)?$"
_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
DECIDED = frozenset(
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


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable, its default, what it is for, and what it may be."""

    name: str
    default: Any
    meaning: str
    schema: Schema


def settings_class(named: str) -> type[ServiceSettings]:
    """Return the settings class that is named as `package.module.Class`."""
    module, _, name = named.rpartition(".")
    found: type[ServiceSettings] = getattr(importlib.import_module(module), name)
    return found


def variables_of(settings: str) -> Iterator[Variable]:
    """Yield the variables of the settings class of that name."""
    kind = settings_class(settings)
    meanings = _meanings(kind)
    for field, info in kind.model_fields.items():
        if field not in DECIDED:
            yield Variable(
                name=f"KURS_{field.upper()}",
                default=_plain(info.get_default()),
                meaning=meanings.get(field, ""),
                schema=_schema(info),
            )


def _schema(field: FieldInfo) -> Schema:
    """Return what a variable may be; `--set` and YAML give numbers as such or as text."""
    annotation = field.annotation
    if get_origin(annotation) is Literal:
        return {"enum": list(get_args(annotation))}
    kinds = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
    if bool in kinds:
        return {"enum": [True, False, "true", "false"]}
    if float in kinds:
        return {"type": ["number", "string"], "pattern": _NUMBER, **_bounds(field)}
    if int in kinds:
        return {"type": ["integer", "string"], "pattern": "^-?[0-9]+$", **_bounds(field)}
    return {"type": "string"}


def _bounds(field: FieldInfo) -> Schema:
    """Return the bounds of a number that is given as one; text is bounded by the service itself."""
    return {
        keyword: getattr(bound, name)
        for bound in field.metadata
        for name, keyword in _BOUNDS.items()
        if hasattr(bound, name)
    }


def _plain(default: Any) -> Any:
    """Return a default as JSON has it; a path that is not set is an empty one."""
    if default is None:
        return ""
    return str(default) if isinstance(default, Path) else default


def _meanings(kind: type) -> dict[str, str]:
    """Return the docstrings below the fields of a class and of those that it extends."""
    found: dict[str, str] = {}
    for owner in reversed(kind.__mro__):
        if issubclass(owner, ServiceSettings):
            found |= _documented(ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0])
    return found


def _documented(definition: ast.stmt) -> dict[str, str]:
    body = definition.body if isinstance(definition, ast.ClassDef) else []
    return {
        field.target.id: " ".join(text.value.value.split())
        for field, text in pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }

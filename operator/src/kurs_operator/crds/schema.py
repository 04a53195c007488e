"""Turns the JSON schema of a pydantic model into a structural schema with CEL rules.

Structural schemas know no `$ref`, no null and no `additionalProperties: false`: references are put
in place, optional fields are simply not required, and the API server refuses unknown fields itself.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from kurs.config.resources.scalars import DURATION_PATTERN, RATE_PATTERN, format_seconds
from kurs_operator.crds.rules import (
    CURRENCY_PATTERN,
    DURATION,
    FIELD_RULES,
    FIELD_SCHEMAS,
    MODEL_RULES,
    MOMENT_SCHEMA,
    RATE_VALUE,
    Rule,
)
from kurs_operator.crds.texts import field_texts

Schema = dict[str, Any]
_KEPT = (
    "type", "format", "pattern", "enum", "minimum", "maximum", "minLength", "maxLength",
    "minItems", "maxItems", "minProperties", "maxProperties", "required",
)  # fmt: skip
_LARGEST_EXACT = 2**53


def structural(model: type[BaseModel]) -> Schema:
    """Return the structural schema of `model`, with its rules and its texts."""
    whole = model.model_json_schema(by_alias=True)
    return _converted(whole, whole.get("$defs", {}), model.__name__)


def _converted(node: Mapping[str, Any], defs: Mapping[str, Any], place: str) -> Schema:
    """`place` is the model, or model and field, that the rules are kept under."""
    node = _present(node)
    if "$ref" in node:
        name = node["$ref"].rsplit("/", maxsplit=1)[-1]
        return {**_converted(defs[name], defs, name), **_default(node)}
    schema: Schema = {key: node[key] for key in _KEPT if key in node}
    if "properties" in node:
        schema["properties"] = {
            name: _field(field, defs, f"{place}.{name}")
            for name, field in node["properties"].items()
        }
    if isinstance(node.get("additionalProperties"), Mapping):
        schema["additionalProperties"] = _converted(node["additionalProperties"], defs, "")
    if "items" in node:
        schema["items"] = _converted(node["items"], defs, "")
    schema.update(_refined(schema))
    _add_rules(schema, MODEL_RULES.get(place, ()))
    return {**schema, **_default(node)}


def _field(node: Mapping[str, Any], defs: Mapping[str, Any], place: str) -> Schema:
    schema = _converted(node, defs, place)
    schema.update(FIELD_SCHEMAS.get(place, {}))
    _add_rules(schema, FIELD_RULES.get(place, ()))
    text = field_texts().get(place)
    return {"description": text, **schema} if text else schema


def _present(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """Drop the null of an optional field: absent is how a resource says nothing."""
    choices = [choice for choice in node.get("anyOf", ()) if choice.get("type") != "null"]
    return choices[0] if len(choices) == 1 else node


def _refined(schema: Schema) -> Schema:
    """Say what the scalars are, which their JSON schema leaves to the models."""
    if schema.get("minLength") == schema.get("maxLength") == 3:
        return {"pattern": CURRENCY_PATTERN}
    if schema.get("pattern") == DURATION_PATTERN:
        return {"x-kubernetes-validations": _validations([DURATION])}
    if schema.get("pattern") == RATE_PATTERN:
        return {"x-kubernetes-validations": _validations([RATE_VALUE])}
    if schema.get("format") == "date-time":
        return dict(MOMENT_SCHEMA)
    if schema.get("type") == "integer":
        if schema.get("maximum", 0) > _LARGEST_EXACT:
            # A bound is a float64 there and would be one too many; int64 says the same.
            schema.pop("maximum")
        return {"format": "int64"}
    return {}


def _default(node: Mapping[str, Any]) -> Schema:
    default = node.get("default")
    if default is None or default == []:
        return {}
    if isinstance(default, Mapping):
        # Written out, since rules judge a default before its parts get theirs.
        return {"default": {name: part for name, part in default.items() if part != []}}
    if isinstance(default, int) and node.get("pattern") == DURATION_PATTERN:
        return {"default": format_seconds(default)}
    return {"default": default}


def _add_rules(schema: Schema, rules: Iterable[Rule]) -> None:
    added = _validations(rules)
    if added:
        known = schema.get("x-kubernetes-validations", [])
        schema["x-kubernetes-validations"] = [*known, *added]


def _validations(rules: Iterable[Rule]) -> list[dict[str, str]]:
    return [
        {"rule": rule.expression, "message": rule.message}
        | ({"fieldPath": rule.path} if rule.path else {})
        for rule in rules
    ]

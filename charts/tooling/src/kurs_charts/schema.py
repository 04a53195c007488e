"""A chart's values.schema.json, from what its values.yaml says of each value.

A value is of the type of its default unless its keywords say otherwise. Objects are closed, and
what is empty by default has to say what it takes.
"""

import json
from collections.abc import Sequence
from typing import Any

import yaml

from kurs_charts.chart import CHARTS, Chart
from kurs_charts.values_file import Value

Schema = dict[str, Any]
_TYPES = {
    bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object",
}  # fmt: skip
_UNTYPED = {"type", "const", "anyOf", "oneOf", "allOf", "not"}
"""Keywords that say themselves of which type a value is."""


def chart_schema(chart: Chart, library: Sequence[Value]) -> Schema:
    """Return the schema of a chart's values; raises ValueError for one that says too little.

    Keywords of a group that it shares are about all of its values.
    """
    shared = [group for group in library if group.name in chart.groups]
    properties = {value.name: value_schema(value, value.name) for value in chart.values}
    if chart.variables:
        properties["settings"] |= {
            "additionalProperties": False,
            "properties": {
                variable.name: {"description": variable.meaning, **variable.schema}
                for variable in chart.variables
            },
        }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": f"Values of charts/{chart.name}",
        "type": "object",
        "additionalProperties": False,
        "properties": {**_of_helm(chart.name), **properties},
        **{name: kw for group in shared for name, kw in group.keywords.items()},
    }


def schema_text(schema: Schema) -> str:
    """Return the text of a schema file."""
    return json.dumps(schema, indent=2) + "\n"


def _of_helm(chart: str) -> Schema:
    """Return what Helm itself adds to the values of a chart that is a part, or has parts."""
    described = yaml.safe_load((CHARTS / chart / "Chart.yaml").read_text("utf-8"))
    parts = [part["name"] for part in described.get("dependencies", ())]
    return {name: {"type": "object"} for name in ("global", *parts)}


def value_schema(value: Value, path: str) -> Schema:
    """Return what a value may be; raises ValueError for one that says too little."""
    made: Schema = {} if _UNTYPED & value.keywords.keys() else {"type": _TYPES[type(value.default)]}
    if value.meaning:
        made["description"] = value.meaning
    made |= value.keywords
    if made.get("type") == "object" and "additionalProperties" not in made:
        made |= _closed(value, path)
    if made.get("type") == "array" and "items" not in made:
        raise ValueError(f"{path}: a list needs a line `# @schema items:...`")
    return made


def _closed(value: Value, path: str) -> Schema:
    if not value.parts and path != "settings":
        raise ValueError(f"{path}: this object needs a line `# @schema additionalProperties:...`")
    parts = {part.name: value_schema(part, f"{path}.{part.name}") for part in value.parts}
    return {"additionalProperties": False, "properties": parts}

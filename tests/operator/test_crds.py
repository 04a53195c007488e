"""The committed definitions are what the models say, bounded everywhere and explained everywhere.

That the API server judges as the models do is shown by tests/cluster/operator/test_corpus.py.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from kurs_operator.crds.__main__ import main
from kurs_operator.crds.definitions import KINDS_DEFINED, definition, files
from kurs_operator.crds.rules import FIELD_RULES, FIELD_SCHEMAS, MODEL_RULES

COMMITTED = Path(__file__).parents[2] / "charts/kurs-operator/crds"
DEFINITIONS = [definition(kind) for kind in KINDS_DEFINED]
NAMES = [kind.name for kind in KINDS_DEFINED]


def nodes(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from nodes(schema[key], f"{path}[]")


def schema_of(crd: dict[str, Any]) -> dict[str, Any]:
    return crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]


def test_the_committed_files_are_generated(tmp_path: Path):
    assert main([str(tmp_path)]) == 0

    made = {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert {file.name: file.read_text() for file in COMMITTED.iterdir()} == made, (
        "run python -m kurs_operator.crds"
    )


@pytest.mark.parametrize("crd", DEFINITIONS, ids=NAMES)
def test_every_string_list_and_map_is_bounded(crd):
    unbounded = []
    for part in ("spec", "status"):
        for path, node in nodes(schema_of(crd)[part], part):
            bound = {"string": "maxLength", "array": "maxItems"}.get(node.get("type", ""))
            if "additionalProperties" in node:
                bound = "maxProperties"
            if bound and bound not in node and "enum" not in node:
                unbounded.append(path)

    assert unbounded == []


@pytest.mark.parametrize("crd", DEFINITIONS, ids=NAMES)
def test_it_is_structural(crd):
    foreign = [
        (path, key)
        for part in ("spec", "status")
        for path, node in nodes(schema_of(crd)[part], part)
        for key in ("$ref", "anyOf", "oneOf", "propertyNames", "title", "nullable")
        if key in node
    ]
    untyped = [path for path, node in nodes(schema_of(crd)["spec"], "spec") if "type" not in node]

    assert foreign == []
    assert untyped == []


@pytest.mark.parametrize("crd", DEFINITIONS, ids=NAMES)
def test_kubectl_explain_has_a_text_for_every_field_of_a_spec(crd):
    silent = [
        path
        for path, node in nodes(schema_of(crd)["spec"], "spec")
        if not path.endswith("[]") and "description" not in node
    ]

    assert silent == []


@pytest.mark.parametrize("crd", DEFINITIONS, ids=NAMES)
def test_no_rule_computes_with_a_duration_that_is_none(crd: dict[str, Any]):
    """Each rule is asked, whatever a pattern says: one that fails adds a line that helps nobody."""
    rules = [
        rule["rule"]
        for _, node in nodes({"properties": schema_of(crd)}, "")
        for rule in node.get("x-kubernetes-validations", ())
    ]
    for rule in rules:
        for value in set(re.findall(r"duration\(([a-z][\w.]*)\)", rule)):
            # What was stored before has passed.
            assert value.startswith("was.") or f"!{value}.matches(" in rule, rule


def test_no_rule_or_text_is_kept_for_a_field_that_is_gone():
    known = set()
    for kind in KINDS_DEFINED:
        whole = kind.spec.model_json_schema(by_alias=True)
        for name, model in {**whole["$defs"], kind.spec.__name__: whole}.items():
            known |= {name, *(f"{name}.{field}" for field in model["properties"])}

    assert {*MODEL_RULES, *FIELD_RULES, *FIELD_SCHEMAS} <= known


@pytest.mark.parametrize("crd", DEFINITIONS, ids=NAMES)
def test_defaults_are_those_of_the_models(crd):
    [kind] = [kind for kind in KINDS_DEFINED if kind.name == crd["spec"]["names"]["kind"]]
    fields = {field.alias: field for field in kind.spec.model_fields.values()}

    for name, node in schema_of(crd)["spec"]["properties"].items():
        if "default" in node:
            dumped = kind.spec.model_construct().model_dump(mode="json", by_alias=True)[name]
            if isinstance(dumped, dict):
                dumped = {part: value for part, value in dumped.items() if value}
            assert dumped == node["default"]
        elif "default" not in node:
            assert fields[name].is_required() or not fields[name].default


def test_the_files_are_plain_yaml_with_a_word_on_their_origin():
    for text in files().values():
        assert text.startswith("# Made by")
        assert yaml.safe_load(text)["kind"] == "CustomResourceDefinition"

"""Each value is described once, in a values.yaml; what else tells of it is written from there."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from tests.charts.conftest import CHARTS, ROOT, Render, of_kind

from kurs_charts.annotations import read_comment
from kurs_charts.chart import LIBRARY, Chart, charts
from kurs_charts.page import page
from kurs_charts.schema import chart_schema
from kurs_charts.values_file import Value, read_values
from kurs_charts.variables import DECIDED, settings_class
from kurs_charts.written import written

WRITTEN = dict(written())
CHART = """\
# -- The key.
key:
  # @schema minLength:1
  # -- Its name.
  name: a

# ==== shared: pod ====

image:
  # -- Of this chart.
  tag: "17" # @own
  digest: old
  # -- What only this chart has.
  more: 1 # @own
"""
GROUPS = """\
# -- Pods.
pod:
  # -- The image.
  image:
    # -- The tag.
    tag: ""
    # @schema pattern:^(sha256:.*)?$
    # -- Wins over the tag.
    digest: ""
"""


def filled(text: str = CHART, groups: str = GROUPS) -> tuple[Chart, tuple[Value, ...]]:
    """Return a chart as it is written, and the groups that it shares."""
    library = read_values(groups)
    chart = Chart("wallet", text)
    return replace(chart, text=chart.written(library)), library


def places(schema: dict[str, Any], above: str = "") -> set[str]:
    """Return the paths of everything that a schema names."""
    found = set()
    for name, part in schema.get("properties", {}).items():
        found |= {f"{above}{name}"} | places(part, f"{above}{name}.")
    return found


def keys(values: Any, above: str = "") -> set[str]:
    """Return the paths of everything that is set."""
    found = set()
    if isinstance(values, dict):
        for name, part in values.items():
            found |= {f"{above}{name}"} | keys(part, f"{above}{name}.")
    return found


@pytest.mark.parametrize("file", WRITTEN, ids=lambda file: str(file.relative_to(ROOT)))
def test_what_is_written_is_as_it_is_described(file: Path) -> None:
    assert file.read_text() == WRITTEN[file], "write it anew: make chart-schemas"


@pytest.mark.parametrize("chart", [*charts()], ids=lambda chart: chart.name)
def test_helm_shows_all_that_can_be_set(helm: str, chart: Chart) -> None:
    command = [helm, "show", "values", str(CHARTS / chart.name)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    schema = json.loads((CHARTS / chart.name / "values.schema.json").read_text())
    settings = {path for path in places(schema) if path.startswith("settings.")}
    # These two are Helm's own: whoever needs them describes them.
    rest = places(schema) - settings - {"service-lib", "global"}

    assert rest <= keys(yaml.safe_load(shown))
    assert all(f"#   {path.removeprefix('settings.')}: " in shown for path in settings)


@pytest.mark.parametrize("chart", [*charts()], ids=lambda chart: chart.name)
def test_every_value_says_what_it_is_for(chart: Chart) -> None:
    def unsaid(values: tuple[Value, ...], above: str = "") -> list[str]:
        silent = [f"{above}{value.name}" for value in values if not value.meaning]
        return silent + [path for v in values for path in unsaid(v.parts, f"{above}{v.name}.")]

    assert not [path for path in unsaid(chart.values) if not path.startswith("settings.")]
    assert not [variable.name for variable in chart.variables if not variable.meaning]


@pytest.mark.parametrize("chart", [*charts()], ids=lambda chart: chart.name)
def test_the_defaults_are_what_may_be_set(chart: Chart) -> None:
    schema = json.loads((CHARTS / chart.name / "values.schema.json").read_text())

    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load(chart.text), schema)


@pytest.mark.parametrize("chart", [c for c in charts() if c.settings], ids=lambda chart: chart.name)
def test_a_variable_is_set_by_the_chart_or_by_who_installs_it(render: Render, chart: Chart) -> None:
    more = "global.telemetry.otlpEndpoint=http://tempo:4318"
    if "service" in chart.groups:
        more += ",faults.unready=true"
    pod = of_kind(render(chart.name, "", "--set", more), "Deployment")[chart.name]["spec"]
    (container,) = pod["template"]["spec"]["containers"]
    rendered = {variable["name"] for variable in container["env"]}
    (given,) = (value.default for value in chart.values if value.name == "settings")
    open_to_all = {variable.name for variable in chart.variables}

    assert rendered & open_to_all == set(given)
    assert rendered - set(given) <= {f"KURS_{name.upper()}" for name in DECIDED}


def test_what_a_chart_decides_are_fields_that_there_are() -> None:
    kinds = [settings_class(chart.settings) for chart in charts() if chart.settings]

    assert set().union(*(kind.model_fields for kind in kinds)) >= DECIDED


def test_a_shared_value_is_as_the_group_has_it_and_an_own_one_stays() -> None:
    chart, _ = filled()

    assert yaml.safe_load(chart.text) == {
        "key": {"name": "a"},
        "image": {"tag": "17", "digest": "", "more": 1},
    }
    assert chart.written(read_values(GROUPS)) == chart.text, "written twice it is the same"


def test_a_value_that_is_added_once_is_in_the_schema_and_on_the_page() -> None:
    added = GROUPS + "    # @schema enum:[a, b]\n    # -- What is new.\n    kind: a\n"
    chart, library = filled(groups=added)

    image = chart_schema(chart, library)["properties"]["image"]
    assert image["properties"]["kind"] == {
        "type": "string",
        "description": "What is new.",
        "enum": ["a", "b"],
    }
    assert "| `image.kind` | `a` or `b` | `a` | What is new. |" in page([chart], library)


def test_an_own_value_without_a_place_is_not_lost_silently() -> None:
    with pytest.raises(ValueError, match=r"wallet/values.yaml: 2 values marked @own are lost"):
        filled(groups="# -- Pods.\npod:\n  # -- Other.\n  other: 1\n")


@pytest.mark.parametrize(
    ("value", "needed"),
    [("some: {}", "some: .*additionalProperties"), ("some: []", "some: .*items")],
)
def test_what_is_empty_has_to_say_what_it_takes(value: str, needed: str) -> None:
    with pytest.raises(ValueError, match=needed):
        chart_schema(Chart("wallet", f"# -- It.\n{value}\n"), ())


def test_a_comment_has_keywords_and_a_meaning_over_several_lines() -> None:
    lines = [
        "# Why it is so.",
        "# @schema minimum:1; items:{type: object,",
        "#   required: [name]}",
        "# @schema pattern:^(https?://.*)?$; uniqueItems",
        "# -- What it",
        "# is for.",
    ]

    keywords, meaning = read_comment(lines)

    assert meaning == "What it is for."
    assert keywords == {
        "minimum": 1,
        "items": {"type": "object", "required": ["name"]},
        "pattern": "^(https?://.*)?$",
        "uniqueItems": True,
    }


def test_a_keyword_that_is_no_yaml_is_named() -> None:
    with pytest.raises(ValueError, match="@schema items:"):
        read_comment(["# @schema items:{type: object"])


def test_the_library_names_only_groups() -> None:
    groups = {group.name for group in read_values(LIBRARY.read_text())}

    assert set().union(*(chart.groups for chart in charts())) == groups

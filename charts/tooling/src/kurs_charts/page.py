"""docs/values.md: every value of every chart, with its type, default and meaning."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from kurs_charts.chart import CHARTS, Chart
from kurs_charts.schema import Schema, value_schema
from kurs_charts.values_file import Value

PAGE = CHARTS.parent / "docs" / "values.md"
_HEAD = """\
# Values of the charts

Written by `make chart-schemas` from each chart's `values.yaml`: change it there. `helm show values
charts/wallet` prints it. In `charts/kurs` the values of a chart stand below its name
(`wallet.replicaCount`), and `global` is for all of them.
"""
_TABLE = "| value | type | default | meaning |\n|---|---|---|---|"
_BOUNDS = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most"}
_VARIABLES = "| setting | type | default | meaning |\n|---|---|---|---|"


def page(charts: Sequence[Chart], library: Sequence[Value]) -> str:
    """Return the text of the page."""
    blocks = [_HEAD]
    for group in reversed(library):
        names = [f"`{chart.name}`" for chart in charts if group.name in chart.groups]
        title, _, more = group.meaning.partition(". ")
        blocks.append(f"## {title.rstrip('.')}\n\nIn {', '.join(names)}. {more}".rstrip() + "\n")
        blocks.append(_table(_rows(group.parts)))
    for chart in charts:
        blocks.append(f"## charts/{chart.name}\n")
        blocks.append(_table(_rows(_own(chart, library))))
        if chart.variables:
            blocks.append(_table(_settings(chart), _VARIABLES))
    return "\n".join(blocks)


def _own(chart: Chart, library: Sequence[Value]) -> Iterator[Value]:
    """Yield what only a chart has, and the parts of what it shares that it sets otherwise."""
    shared = {part.name for group in library if group.name in chart.groups for part in group.parts}
    for value in chart.values:
        if value.name not in shared:
            yield value
        elif value.name != "settings":
            yield from _marked(value)


def _marked(value: Value, above: str = "") -> Iterator[Value]:
    path = f"{above}{value.name}"
    if value.own:
        yield value.named(path)
    else:
        for part in value.parts:
            yield from _marked(part, f"{path}.")


def _table(rows: Iterable[Sequence[str]], head: str = _TABLE) -> str:
    return "\n".join([head, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


def _rows(values: Iterable[Value], above: str = "") -> Iterator[Sequence[str]]:
    for value in values:
        path = f"{above}{value.name}"
        default = "" if value.parts else _code(_yaml(value.default))
        yield _code(path), _type(value_schema(value, path)), default, _cell(value.meaning)
        yield from _rows(value.parts, f"{path}.")


def _settings(chart: Chart) -> Iterator[Sequence[str]]:
    (settings,) = (value.default for value in chart.values if value.name == "settings")
    for variable in chart.variables:
        default = _code(_yaml(settings.get(variable.name, variable.default)))
        yield _code(variable.name), _type(variable.schema), default, _cell(variable.meaning)


def _type(schema: Schema) -> str:
    """Return in words what a value may be."""
    if "enum" in schema or "const" in schema:
        choices = schema.get("enum", [schema.get("const")])
        return "boolean" if True in choices else " or ".join(_code(_yaml(one)) for one in choices)
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"])
    kind = schema["type"]
    bounds = [f"{words} {schema[name]}" for name, words in _BOUNDS.items() if name in schema]
    return ", ".join([kind if isinstance(kind, str) else " or ".join(kind), *bounds])


def _yaml(value: Any) -> str:
    return value if isinstance(value, str) and value else json.dumps(value)


def _code(text: str) -> str:
    return f"`{text.replace('|', chr(92) + '|')}`"


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("<", r"\<")

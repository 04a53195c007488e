"""What templates know from the code: who calls whom, on which port, over how many connections.

They are templates of the library chart: policies, Secrets and Services are those of the code.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from kurs.edges import EDGES
from kurs_charts.chart import CHARTS, Chart
from kurs_charts.variables import settings_class

_TEMPLATES = CHARTS / "service-lib" / "templates"


def code_templates(charts: Iterable[Chart]) -> Iterator[tuple[Path, str]]:
    """Yield the file of each template, and its text."""
    edges = (json.dumps({"from": caller, "to": callee}) for caller, callee in EDGES)
    charts = tuple(charts)
    yield (
        _TEMPLATES / "_edges.tpl",
        _template("edges", "Who calls whom: written from kurs.edges", f"[{_lines(edges)}]"),
    )
    yield (
        _TEMPLATES / "_ports.tpl",
        _template(
            "ports",
            "The port of the pods of each chart: written from its settings class",
            f"{{{_lines(_defaults(charts, 'port'))}}}",
        ),
    )
    yield (
        _TEMPLATES / "_connections.tpl",
        _template(
            "connections",
            "How many connections a pod opens at most: written from its settings class",
            f"{{{_lines(_defaults(charts, 'database_connections'))}}}",
        ),
    )


def _defaults(charts: Iterable[Chart], field: str) -> Iterator[str]:
    """Yield what a field of the settings class of each chart is by default, where it has one."""
    for chart in charts:
        fields = settings_class(chart.settings).model_fields if chart.settings else {}
        if field in fields:
            yield f"{json.dumps(chart.name)}: {fields[field].default}"


def _template(name: str, about: str, text: str) -> str:
    return (
        f"{{{{/* {about} by `make chart-schemas`. */}}}}\n\n"
        f'{{{{- define "service-lib.{name}" -}}}}\n{text}\n{{{{- end }}}}\n'
    )


def _lines(items: Iterable[str]) -> str:
    return "\n" + ",\n".join(f"  {item}" for item in items) + "\n"

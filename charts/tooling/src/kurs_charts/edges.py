"""The table of edges as a template of the library chart, for policies and Secrets."""

from kurs.edges import EDGES
from kurs_charts.chart import CHARTS

FILE = CHARTS / "service-lib" / "templates" / "_edges.tpl"


def edges_template() -> str:
    """Return the template's text, from the table of who calls whom (kurs.edges)."""
    edges = ",\n".join(f'  {{"from": "{caller}", "to": "{callee}"}}' for caller, callee in EDGES)
    return (
        "{{/* Who calls whom: written from kurs.edges by `make chart-schemas`. */}}\n\n"
        f'{{{{- define "service-lib.edges" -}}}}\n[\n{edges}\n]\n{{{{- end }}}}\n'
    )

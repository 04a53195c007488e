"""Every file that is written here, and its text: a test holds the files to it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from kurs_charts.chart import CHARTS, LIBRARY, charts
from kurs_charts.from_code import code_templates
from kurs_charts.page import PAGE, page
from kurs_charts.schema import chart_schema, schema_text
from kurs_charts.values_file import read_values


def written() -> Iterator[tuple[Path, str]]:
    """Yield every file with the text that it has to have; raises ValueError as its parts do."""
    library = read_values(LIBRARY.read_text("utf-8"))
    filled = [replace(chart, text=chart.written(library)) for chart in charts()]
    for chart in filled:
        folder = CHARTS / chart.name
        yield folder / "values.yaml", chart.text
        yield folder / "values.schema.json", schema_text(chart_schema(chart, library))
    yield from code_templates(filled)
    yield PAGE, page(filled, library)

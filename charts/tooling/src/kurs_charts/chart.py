"""A chart's values.yaml: what is its own, what it shares with others, and what its `settings` take.

Two lines part it. Above the first a chart describes what only it has. Below the first stand the
groups of charts/service-lib/values.yaml that the line names; below the second the variables of the
settings class that it names. Both are written here, and a chart's own values among the shared ones
(`# @own`) are kept.
"""

import json
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from kurs_charts.values_file import Value, read_values
from kurs_charts.variables import Variable, variables_of

CHARTS = Path(__file__).resolve().parents[3]
LIBRARY = CHARTS / "service-lib" / "values.yaml"
_LINE = re.compile(r"^# ==== (?P<kind>shared|settings): (?P<names>.*) ====$", re.M)
_SHARED = """\
# `make chart-schemas` writes what follows from these groups of charts/service-lib/values.yaml. What
# this chart sets otherwise, or adds, bears the mark `@own` and stays."""
_SETTINGS = "# What `settings` takes, each with what it is where it is left out:"


@dataclass(frozen=True)
class Chart:
    """The chart in a folder of charts/, as its values.yaml describes it."""

    name: str
    text: str

    @cached_property
    def _sections(self) -> dict[str, str]:
        """The texts between the lines that part it, by what they are."""
        begins = [*_LINE.finditer(self.text)]
        ends = [*(match.start() for match in begins), len(self.text)]
        sections = {
            begin["kind"]: self.text[begin.end() : end]
            for begin, end in zip(begins, ends[1:], strict=True)
        }
        return {"shared": "", **sections, "own": self.text[: ends[0]]}

    @cached_property
    def own(self) -> str:
        """The text of what only this chart has."""
        return self._sections["own"].rstrip() + "\n"

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """The names of the groups that it shares."""
        return tuple(filter(None, re.split(r",\s*", self._named("shared"))))

    @cached_property
    def values(self) -> tuple[Value, ...]:
        """All of its values, its own first."""
        return (*read_values(self.own), *read_values(self._sections["shared"]))

    @cached_property
    def settings(self) -> str:
        """The settings class whose variables its `settings` are, empty without."""
        return self._named("settings")

    @cached_property
    def variables(self) -> tuple[Variable, ...]:
        """The variables that its `settings` take."""
        return tuple(variables_of(self.settings)) if self.settings else ()

    def written(self, library: Sequence[Value]) -> str:
        """Return its values.yaml with the shared values as the library has them now.

        Raises ValueError when an own value would be lost.
        """
        blocks = [self.own]
        if self.groups:
            blocks.append(f"\n# ==== shared: {', '.join(self.groups)} ====\n{_SHARED}\n")
            blocks.append(self._filled(library))
        if self.settings:
            blocks.append(f"\n# ==== settings: {self.settings} ====\n{_SETTINGS}\n")
            blocks += ["\n".join(_described(self.variables)) + "\n"]
        return "".join(blocks)

    def _filled(self, library: Sequence[Value]) -> str:
        groups = {group.name: group for group in library}
        here = {value.name: value for value in self.values}
        chosen = [groups[name] for name in self.groups]
        shared = [_fill(value, here.get(value.name)) for group in chosen for value in group.parts]
        text = "\n\n".join("\n".join(lines) for lines in shared) + "\n"
        lost = self.text.count("# @own\n") - text.count("# @own\n")
        if lost:
            raise ValueError(f"charts/{self.name}/values.yaml: {lost} values marked @own are lost")
        return "\n" + text

    def _named(self, kind: str) -> str:
        found = [match["names"] for match in _LINE.finditer(self.text) if match["kind"] == kind]
        return found[0] if found else ""


def charts() -> Iterator[Chart]:
    """Yield every chart here but the library, by name."""
    for file in sorted(CHARTS.glob("*/Chart.yaml")):
        values = file.with_name("values.yaml")
        if values != LIBRARY:
            yield Chart(file.parent.name, values.read_text("utf-8"))


def _fill(shared: Value, here: Value | None) -> Sequence[str]:
    """Return the text of a shared value with what a chart has of its own in it."""
    if here and here.own:
        return here.lines
    if not shared.parts:
        return shared.lines
    parts = {value.name: value for value in here.parts} if here else {}
    filled = [_fill(value, parts.pop(value.name, None)) for value in shared.parts]
    added = [value.lines for value in parts.values() if value.own]
    return [*shared.head, *(f"  {line}" for lines in (*filled, *added) for line in lines)]


def _described(variables: Iterable[Variable]) -> Iterator[str]:
    for variable in variables:
        yield f"#   {variable.name}: {json.dumps(variable.default)}"
        yield from textwrap.wrap(
            variable.meaning, 100, initial_indent="#     ", subsequent_indent="#     "
        )

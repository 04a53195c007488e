"""What the page on extending promises of its lists: they are whole, and no longer than it says."""

import re
from collections.abc import Iterator
from typing import get_args

import pytest
from tests.words.log_lines import ROOT

from kurs.config.resources import SourceType

SOURCES = ("libs/kurs", "services", "operator", "devstack")
TYPES = "libs/kurs/src/kurs/config/resources/rate_source_types.py"


def naming(word: str) -> Iterator[str]:
    """Yield the modules that name a type of rate source, in a string or in a class."""
    for folder in SOURCES:
        for file in (ROOT / folder).rglob("src/**/*.py"):
            text = file.read_text("utf-8")
            if re.search(rf'"{word}"|(?<!"){word.capitalize()}Rates(?![".])', text):
                yield str(file.relative_to(ROOT))


@pytest.mark.parametrize("kind", get_args(SourceType))
def test_a_type_of_rate_source_is_known_where_it_is_listed_and_nowhere_else(kind: str) -> None:
    own = {"services/fx/src/fx/sources/http.py", "services/fx/src/fx/sources/json_rates.py"}
    listed = {TYPES, "services/fx/src/fx/sources/build.py"}
    ways = {f"operator/src/kurs_operator/{name}.py" for name in ("loosening", "approved_rates")}
    assert listed <= set(naming(kind)) <= listed | own | ways

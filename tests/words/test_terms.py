"""A term of the glossary that once stood for several things is one class's name."""

import ast
import re
from collections import defaultdict

from tests.words.log_lines import ROOT

SOURCES = [*(ROOT / "libs").rglob("*.py"), *(ROOT / "services").rglob("*.py")]
SOURCES += [*(ROOT / "operator" / "src").rglob("*.py")]
ONCE = (
    "AppliedRate", "Attempt", "ConfiguredSource", "Document", "EventFeed", "Exchange", "Exposure",
    "Feed", "Finding", "Inquiry", "Order", "RateSource", "Reconciler", "Reply", "Ruling", "Service",
    "Status", "Threshold", "Verdict", "View",
)  # fmt: skip

NOBODY = ("Told",)
"""Names that were several classes and say of none what it holds."""


def defined() -> dict[str, list[str]]:
    """Return where each public class of the source is defined."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in SOURCES:
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef):
                found[node.name].append(str(path.relative_to(ROOT)))
    return found


def test_one_term_is_one_class() -> None:
    places = defined()

    # What joins services for tests has the messages of HTTP, too.
    shipped = {term: [p for p in places[term] if "kurs-testing" not in p] for term in ONCE}
    assert {term: where for term, where in shipped.items() if len(where) != 1} == {}
    assert {name: places[name] for name in NOBODY if name in places} == {}


def test_the_glossary_names_what_is_there() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text("utf-8")
    modules = re.findall(r"`((?:kurs|payments|wallet|fx|risk)(?:\.\w+)+)`", text)

    assert modules
    for name in modules:
        *parents, last = name.split(".")
        where = "/".join(parents)
        assert [p for p in SOURCES if str(p).endswith((f"{where}/{last}.py", f"{where}.py"))], name
    assert "AppliedRate" in text

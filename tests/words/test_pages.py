"""Pages name what is there: files to change, decisions that were made, terms that code uses."""

import re
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
DECISIONS = DOCS / "decisions"


def test_what_extending_names_is_there() -> None:
    quoted = re.findall(
        r"`([\w./-]+/[\w./-]*|[A-Z]\w+\.md|Makefile|\w+\.(?:toml|yaml))`",
        (DOCS / "extending.md").read_text("utf-8"),
    )
    paths = {path for path in quoted if "<" not in path}

    assert len(paths) > 20
    assert not {path for path in paths if not (ROOT / path).exists() and path not in RELATIVE}


RELATIVE = {"values.yaml"}
"""What stands in each of several folders that the page names."""


def test_the_way_of_a_payment_is_named_by_what_is_there() -> None:
    text = (ROOT / "services/payments/README.md").read_text("utf-8")
    way = text.partition("## The way of a payment")[2]
    names = [name for name in re.findall(r"`(\w+\.[\w.]+)`", way) if not name.endswith(".py")]

    assert len(names) > 10
    for name in names:
        module = "payments." + ".".join(part for part in name.split(".")[:-1] if part.islower())
        found: Any = import_module(module)
        for part in name.split(".")[module.count(".") :]:
            found = getattr(found, part)


def test_every_decision_is_listed_and_every_number_says_what_it_is() -> None:
    files = {path.name[:4]: path for path in DECISIONS.glob("0*.md")}
    rows = dict(
        re.findall(
            r"^\| \[?(\d{4})\S* \| (.+) \|$",
            (DECISIONS / "README.md").read_text("utf-8"),
            re.MULTILINE,
        )
    )

    assert set(rows) == {f"{number:04}" for number in range(1, int(max(files)) + 1)}
    for number, row in rows.items():
        if number in files:
            assert files[number].read_text("utf-8").splitlines()[0] == f"# {row}"
        else:
            assert row.startswith("not given")

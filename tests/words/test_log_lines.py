"""Log lines name one thing by one key, and runbooks quote lines that are written."""

import re
from pathlib import Path

import pytest
from tests.words.log_lines import ROOT, log_lines, messages

PAGES = [
    *sorted((ROOT / "observability" / "runbooks").glob("*.md")),
    ROOT / "docs" / "operations.md",
]
LINES = list(log_lines())
TEXTS = [line.event or "" for line in LINES] + messages()
KEYS = set(
    re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "logs.md").read_text("utf-8"), re.MULTILINE)
)
GIVEN = {
    "named(…)": {"payment_id", "merchant", "operation_id"},
    "about": {"payment_id", "actor"},
    "facts": {
        *("account_id", "amounts_minor", "deposit_id", "currency", "amount_minor"),
        *("sequence", "event_id"),
    },
    "finding._asdict()": {"what", "transfer_id", "at"},
    # An entry of the keys file, by its members.
    "_facts(new or old)": set(),
    "_facts(entry)": set(),
    "{'left_out': left_out} if left_out else {}": {"left_out"},
}
"""What stands behind `**`, and the keys that it gives."""
_LINE = re.compile(r"[a-z][a-z',]*( [a-z',]+)+")
_PROGRAMS = ("kubectl ", "make ", "helm ", "python ", "psql ", "openssl ", "skaffold ", "git ")


def given(more: str) -> set[str]:
    return GIVEN["named(…)" if more.startswith("named(") else more]


def test_every_key_is_one_of_the_list() -> None:
    unknown = {
        line.where: found
        for line in LINES
        if (found := line.keys.union(*map(given, line.more)) - KEYS)
    }

    assert len(LINES) > 30
    assert not unknown, "write a key of docs/logs.md"


def test_every_key_of_the_list_is_written() -> None:
    written = set().union(*(line.keys for line in LINES), *GIVEN.values())

    assert written == KEYS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_quotes_of_a_log_is_written(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    quoted = {re.sub(r"\s+", " ", words) for words in re.findall(r"`([^`]+)`", text)}
    lines = {q for q in quoted if _LINE.fullmatch(q) and not q.startswith(_PROGRAMS)}

    assert not {quote for quote in lines if not any(text.startswith(quote) for text in TEXTS)}

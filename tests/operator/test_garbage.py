"""Whatever the API server or a file holds, compile answers with rulings and never raises."""

import re
from copy import deepcopy
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.operator.builders import NOW, rate_source, threshold

from kurs.config.manifests import read_manifests
from kurs_operator import entries
from kurs_operator.approvals import compile_approved
from kurs_operator.compile import compile_resources
from kurs_operator.last_good import hold_last_good, with_refused
from kurs_operator.ruling import Reason
from kurs_operator.settings import CHANGE_TICKET

GOOD = [
    content
    for file in sorted((Path(__file__).parent / "corpus" / "good").iterdir())
    for content in read_manifests(file)
]


def nested(depth: int) -> Any:
    """Return lists and mappings, one within the other."""
    value: Any = "x"
    for level in range(depth):
        value = [value] if level % 2 else {"spec": value}
    return value


HOSTILE = [
        "!" * 500 + "a", "a" + ".*" * 250, "[" * 512, "(" * 512, "a[?b" * 128, "{{{}}}", "\x00",
        "9" * 5000, 10**5000, -(10**5000), float("nan"), float("inf"), nested(3000), b"bytes",
        ["x"] * 10_000, dict.fromkeys(map(str, range(10_000)), "x"), "\ud800" * 300,
        "2026-02-30T00:00:00Z", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59",
    ]  # fmt: skip
# By index, since a strategy shows its values, of which some cannot be shown.
hostile = st.integers(0, len(HOSTILE) - 1).map(lambda index: HOSTILE[index])
scalars = (
    st.none()
    | st.booleans()
    | hostile
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["{}", "{0}", "\ud800", "5m\n", "1" * 5000, 10**400, -0.0])
)
garbage = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


def paths(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list) else items
    return [here, *(path for key, inner in items for path in paths(inner, (*here, key)))]


@st.composite
def damaged(draw: st.DrawFn) -> Any:
    """Return a good resource in which one value is replaced by anything."""
    content = deepcopy(dict(draw(st.sampled_from(GOOD))))
    path = draw(st.sampled_from(paths(content)[1:]))
    owner: Any = content
    for step in path[:-1]:
        owner = owner[step]
    owner[path[-1]] = draw(garbage)
    return content


@given(st.lists(damaged() | st.dictionaries(st.text(max_size=8), garbage) | garbage, max_size=3))
def test_every_damaged_resource_gets_a_verdict_and_the_others_keep_their_effect(
    contents: list[Any],
):
    first = {"priority": 1000, "metadata": {"creationTimestamp": "2001-01-01T00:00:00Z"}}
    good = [rate_source("good", **first), threshold("good", **first)]
    compilation = compile_resources([*contents, *good], now=NOW)

    assert len(compilation.rulings) == len(contents) + 2
    assert "good" in [source.name for source in compilation.fx.sources]
    assert "good" in [source.name for source in compilation.risk.sources]
    for document in compilation.documents.values():
        assert type(document).model_validate_json(document.to_json()) == document
    for ruling in compilation.refused:
        assert ruling.message
        assert len(ruling.message) < 20_000


@given(damaged() | garbage, damaged() | garbage)
def test_whatever_is_in_force_a_damaged_edit_of_it_is_held_back_or_compiled(
    before: Any, after: Any
):
    documents = compile_resources([before], now=NOW).documents.values()

    held, spoilt = hold_last_good([after], documents)

    assert len(with_refused(compile_resources(held, now=NOW).rulings, spoilt)) == 1


@given(damaged(), st.booleans())
def test_no_damaged_edit_of_what_was_approved_stops_the_judges(content: Any, there: bool):
    judged = {"now": NOW, "ticket": re.compile(CHANGE_TICKET)}
    good = next((g for g in GOOD if g["kind"] == content["kind"]), GOOD[0])
    before = {**good, "metadata": {**good["metadata"], "uid": "u", "generation": 1}}
    approved = compile_approved([before], {}, (), **judged)
    documents = approved.compilation.documents.values() if there else ()
    after = {**content, "metadata": before["metadata"] | {"generation": 2}}

    held, spoilt = hold_last_good([after], documents)
    found = compile_approved(held, approved.approvals, documents, **judged)

    assert len({*found.refused, *spoilt}) <= 1
    assert len(found.compilation.rulings) == 1


def test_what_nobody_foresaw_refuses_one_resource_and_is_told_the_log(monkeypatch: Any):
    def fail(_: Any) -> None:
        raise MemoryError("too much")

    monkeypatch.setattr(
        entries, "last_edit", lambda content: content["spec"].get("scope") and fail(0)
    )
    compilation = compile_resources(
        [threshold("a", scope={"currencies": ["IDR"]}), threshold("b")], now=NOW
    )

    [refused] = compilation.refused
    assert (refused.identity.name, refused.reason) == ("a", Reason.INVALID)
    assert "cannot be read: MemoryError" in refused.message
    assert refused.fault == "MemoryError('too much')"
    assert [source.name for source in compilation.risk.sources] == ["b"]

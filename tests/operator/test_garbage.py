"""Whatever the API server or a file holds, compile answers with verdicts and never raises."""

from copy import deepcopy
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.operator.builders import NOW

from kurs_operator.compile import compile_resources
from kurs_operator.manifests import read_manifests

GOOD = [
    content
    for file in sorted((Path(__file__).parent / "corpus" / "good").iterdir())
    for content in read_manifests(file)
]
scalars = (
    st.none()
    | st.booleans()
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


@given(st.lists(damaged() | st.dictionaries(st.text(max_size=8), garbage), max_size=3))
def test_every_damaged_resource_gets_a_verdict(contents: list[Any]):
    compilation = compile_resources(contents, now=NOW)

    assert len(compilation.verdicts) == len(contents)
    for verdict in compilation.refused:
        assert verdict.message
        assert len(verdict.message) < 20_000

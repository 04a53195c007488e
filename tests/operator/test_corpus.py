"""The corpus of good and bad resources, which the models and the API server must judge alike.

A bad file starts with `# field:`, the path that an error must name. `# judged by: models` marks
what no structural schema can tell (the list of currencies, the grammar of JMESPath).

A file of `edits` holds a resource before and after an edit; both are right by themselves, and what
is refused is refused by the API server alone.
"""

from pathlib import Path

import pytest

from kurs.config.manifests import read_manifests
from kurs.config.resources import InvalidResource, parse_resource

CORPUS = Path(__file__).parent / "corpus"
GOOD = sorted((CORPUS / "good").iterdir())
BAD = sorted((CORPUS / "bad").iterdir())
EDITS = sorted((CORPUS / "edits").glob("*/*"))


def expected_field(file: Path) -> str:
    first = file.read_text("utf-8").splitlines()[0]
    assert first.startswith("# field: ")
    return first.removeprefix("# field: ")


def test_the_corpus_is_large_enough():
    assert len(GOOD) >= 40
    assert len(BAD) >= 60


@pytest.mark.parametrize("file", GOOD, ids=lambda file: file.stem)
def test_a_good_resource_is_accepted(file: Path):
    [content] = read_manifests(file)

    resource = parse_resource(content)

    assert resource.metadata.name == file.stem


@pytest.mark.parametrize("file", EDITS, ids=lambda file: file.stem)
def test_an_edit_leads_from_a_good_resource_to_another_of_the_same_name(file: Path):
    before, after = map(parse_resource, read_manifests(file))

    assert before.metadata.name == after.metadata.name == file.stem
    assert before.spec != after.spec


@pytest.mark.parametrize("file", GOOD, ids=lambda file: file.stem)
def test_a_spec_survives_the_way_through_a_document(file: Path):
    spec = parse_resource(read_manifests(file)[0]).spec

    written = spec.model_dump(mode="json", by_alias=True, exclude_none=True)

    assert type(spec).model_validate(written) == spec


@pytest.mark.parametrize("file", BAD, ids=lambda file: file.stem)
def test_a_bad_resource_is_refused_and_its_field_is_named(file: Path):
    [content] = read_manifests(file)

    with pytest.raises(InvalidResource) as refusal:
        parse_resource(content)

    fields = [error.field for error in refusal.value.errors]
    assert fields == [expected_field(file)]


@pytest.mark.parametrize("file", BAD, ids=lambda file: file.stem)
def test_a_refusal_says_what_is_wrong_and_what_would_be_right(file: Path):
    with pytest.raises(InvalidResource) as refusal:
        parse_resource(read_manifests(file)[0])

    for error in refusal.value.errors:
        assert error.message
        assert error.hint
        assert "\n" not in error.message + error.hint
        assert len(error.message + error.hint) < 600

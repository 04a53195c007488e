"""The samples of the repository are right, complete and explained."""

from pathlib import Path

import pytest
from pydantic import BaseModel
from tests.operator.builders import NOW

from kurs.config.manifests import read_manifests
from kurs.config.resources import EventDestinationSpec, FXRateSourceSpec, RiskThresholdSpec
from kurs_operator.compile import compile_resources

SAMPLES = Path(__file__).parents[2] / "k8s" / "samples"
FILES = sorted([*SAMPLES.glob("*.yaml"), *SAMPLES.glob("destinations/*.yaml")])
README = (SAMPLES / "README.md").read_text("utf-8")


def test_every_sample_is_accepted_beside_the_others():
    contents = [content for file in FILES for content in read_manifests(file)]

    compilation = compile_resources(contents, now=NOW)

    assert [f"{v.identity}: {v.message}" for v in compilation.refused] == []
    assert compilation.fx is not None
    assert compilation.fx.sources
    assert compilation.risk is not None
    assert compilation.risk.sources
    assert compilation.webhooks.sources


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_sample_is_named_and_explained(file: Path):
    assert file.name in README
    assert file.read_text("utf-8").startswith("# ")


@pytest.mark.parametrize("spec", [FXRateSourceSpec, RiskThresholdSpec, EventDestinationSpec])
def test_every_field_of_a_spec_is_explained(spec: type[BaseModel]):
    fields = {str(field.alias) for field in spec.model_fields.values()}

    assert [name for name in sorted(fields) if f"`{name}" not in README] == []

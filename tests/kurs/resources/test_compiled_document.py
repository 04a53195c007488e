"""The compiled documents: the revision is the hash of the payload, and a forged one is refused."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from kurs.config.resources import (
    ConfiguredSource,
    ConfiguredThreshold,
    FxDocument,
    FxPayload,
    FXRateSourceSpec,
    RiskDocument,
    RiskPayload,
    RiskThresholdSpec,
    SourceRef,
    revision_of,
)


def fx_document(generation: int = 1, **changes: Any) -> FxDocument:
    content = {
        "type": "Static",
        "baseCurrency": "USD",
        "static": {"rates": {"IDR": "15845.50"}},
        "pairs": [{"quote": "IDR", "spreadBps": 25}],
    }
    spec = FXRateSourceSpec.model_validate({**content, **changes})
    payload = FxPayload(rateSources=(ConfiguredSource(name="desk", spec=spec),))
    source = SourceRef(kind="FXRateSource", name="desk", uid="u-1", generation=generation)
    return FxDocument.build(payload, [source])


def test_a_document_survives_being_written():
    document = fx_document()

    assert FxDocument.model_validate_json(document.to_json()) == document


def test_the_document_has_the_agreed_members():
    content = json.loads(fx_document().to_json())

    assert list(content) == ["schemaVersion", "revision", "sources", "payload"]
    assert content["sources"] == [
        {"kind": "FXRateSource", "name": "desk", "uid": "u-1", "generation": 1}
    ]
    [source] = content["payload"]["rateSources"]
    assert source["name"] == "desk"
    assert source["spec"]["static"] == {"rates": {"IDR": "15845.5"}}
    assert source["spec"]["maxAge"] == "3600s"


def test_the_revision_follows_the_payload_alone():
    assert fx_document(generation=1).revision == fx_document(generation=2).revision
    assert fx_document().revision != fx_document(priority=101).revision


def test_two_spellings_of_one_spec_have_one_revision():
    written_differently = fx_document(maxAge="1h", static={"rates": {"IDR": "15845.500"}})

    assert written_differently.revision == fx_document(maxAge="3600s").revision


def test_the_revision_of_an_empty_document_is_stable():
    assert FxDocument.build(FxPayload()).revision == "b63310f834a775fa"
    assert FxDocument.build(FxPayload()).revision != RiskDocument.build(RiskPayload()).revision


def test_a_document_that_was_edited_by_hand_is_refused():
    content = json.loads(fx_document().to_json())
    content["payload"]["rateSources"][0]["spec"]["pairs"][0]["spreadBps"] = 0

    with pytest.raises(ValidationError, match="the revision does not fit the payload"):
        FxDocument.model_validate_json(json.dumps(content))


def test_a_document_of_another_schema_version_is_refused():
    content = json.loads(fx_document().to_json())

    with pytest.raises(ValidationError, match="schemaVersion"):
        FxDocument.model_validate({**content, "schemaVersion": 2})


def test_a_document_of_the_other_service_is_refused():
    with pytest.raises(ValidationError):
        RiskDocument.model_validate_json(fx_document().to_json())


def test_members_without_a_value_do_not_count_for_the_revision():
    # An older writer leaves out what it does not know; the hash is that of what it wrote.
    threshold = ConfiguredThreshold(name="limits", spec=RiskThresholdSpec())
    content = json.loads(RiskDocument.build(RiskPayload(thresholds=(threshold,))).to_json())
    del content["payload"]["thresholds"][0]["spec"]["onMissingData"]
    content["revision"] = revision_of(content["payload"])

    document = RiskDocument.model_validate(content)

    assert document.payload.thresholds[0].spec.on_missing_data == "Review"

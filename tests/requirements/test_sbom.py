"""The bills of materials of the images, and the licences of what is in them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.utils import canonicalize_name

from kurs_requirements.licences import objection
from kurs_requirements.sbom import Component, base_image, bills, pinned

ROOT = Path(__file__).parents[2]
IMAGES = ("api-gateway", "payments", "fx", "wallet", "risk", "webhooks", "operator")


@pytest.fixture(scope="module")
def documents() -> Mapping[str, Component]:
    """Every bill, made once: to read what is installed takes seconds."""
    return bills(ROOT)


def test_there_is_a_bill_for_every_image(documents: Mapping[str, Component]) -> None:
    assert set(documents) == set(IMAGES)


@pytest.mark.parametrize("name", IMAGES)
def test_a_bill_is_valid_and_holds_the_base_and_every_pin(
    documents: Mapping[str, Component], name: str
) -> None:
    document = documents[name]
    lock = pinned(next((ROOT / "requirements").rglob(f"{name}.txt")).read_text())

    base, *packages = document["components"]
    assert base["purl"].startswith("pkg:docker/python@sha256:")
    assert {canonicalize_name(p["name"]): p["version"] for p in packages} == lock
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document)) is None


def test_what_another_system_or_interpreter_needs_is_in_no_image() -> None:
    lock = (
        'a==1 ; python_full_version < "3.12" \\\n    --hash=sha256:00\n'
        'a==2 ; python_full_version >= "3.12" \\\n    --hash=sha256:00\n'
        'b==1 ; sys_platform == "win32" \\\n    --hash=sha256:00\n'
    )

    assert pinned(lock) == {"a": "2"}


def test_a_base_without_a_digest_is_refused() -> None:
    with pytest.raises(ValueError, match="not pinned"):
        base_image("ARG BASE=python:3.13-slim\nFROM ${BASE}\n")


@pytest.mark.parametrize(
    ("licences", "wrong"),
    [
        ([{"license": {"id": "MIT"}}], False),
        ([{"license": {"name": "License :: OSI Approved :: BSD License"}}], False),
        ([{"expression": "MIT OR GPL-3.0-only"}], False),
        ([{"expression": "MIT AND GPL-3.0-only"}], True),
        ([{"license": {"id": "AGPL-3.0-only"}}], True),
        ([{"license": {"name": "Proprietary"}}], True),
        ([], True),
    ],
)
def test_a_licence_that_asks_for_more_is_named(licences: list[dict[str, Any]], wrong: bool) -> None:
    found = objection({"name": "thing", "version": "1", "licenses": licences})

    assert (found is not None) is wrong
    assert found is None or found.startswith("thing 1: ")

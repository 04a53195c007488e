"""Manifests are read as the API server sees them, and what is wrong is located."""

import os
from itertools import pairwise
from pathlib import Path

import pytest

from kurs.config.manifests import MAX_FILE_BYTES, UnreadableManifest, read_manifests

HEAD = "apiVersion: kurs.dev/v1alpha1\nkind: RiskThreshold\nmetadata: {name: limits}\n"
LEVELS = "abcdefghij"
ALIASES = "a: &a [x, x]\n" + "".join(
    f"{one}: &{one} [{', '.join(['*' + before] * 10)}]\n" for before, one in pairwise(LEVELS)
)
"""A billion values out of less than one kilobyte."""
MERGES = "a: &a {x: y}\n" + "".join(
    f"{one}: &{one} {{<<: [{', '.join(['*' + before] * 10)}]}}\n"
    for before, one in pairwise(LEVELS)
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "limits.yaml"


def test_moments_stay_text(file: Path):
    file.write_text(HEAD + "spec: {effectiveFrom: 2026-12-01T00:00:00Z}\n")

    assert read_manifests(file)[0]["spec"] == {"effectiveFrom": "2026-12-01T00:00:00Z"}


def test_a_file_may_hold_several_documents_and_lists(file: Path):
    listed = "apiVersion: v1\nkind: List\nitems:\n- " + HEAD.replace("\n", "\n  ") + "\n"
    file.write_text(f"---\n{HEAD}---\n# nothing here\n---\n{listed}")

    assert [content["kind"] for content in read_manifests(file)] == ["RiskThreshold"] * 2


def test_objects_of_other_groups_are_left_out(file: Path):
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: rates}\n"
    file.write_text(f"{secret}---\n{HEAD}")

    assert [content["kind"] for content in read_manifests(file)] == ["RiskThreshold"]


@pytest.mark.parametrize(
    "head",
    [
        "apiVersion: kurs.dve/v1alpha1\nkind: RiskThreshold\n",
        "apiVersion: kurs.dev/v1alpha1\nkind: RiskTreshold\n",
        "apiVersion: kurs.dev/v1alpha1\n",
    ],
)
def test_a_misspelt_group_or_kind_does_not_vanish(file: Path, head: str):
    file.write_text(head + "metadata: {name: limits}\n")

    assert len(read_manifests(file)) == 1


def test_anchors_and_merge_keys_are_read(file: Path):
    file.write_text(HEAD + "spec:\n  base: &b {a: '1', b: '2'}\n  more: {<<: *b, b: '3'}\n")

    assert read_manifests(file)[0]["spec"]["more"] == {"a": "1", "b": "3"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty"),
        ("# only a comment\n", "the file is empty"),
        ("just text\n", "document 1: is not a mapping"),
        (f"{HEAD}---\n[1, 2]\n", "document 2: is not a mapping"),
        (f"{HEAD}spec: {{a: 1, a: 2}}\n", "line 4, column 14: not YAML: the key 'a' stands twice"),
        (f"{HEAD}spec: {{1: 2}}\n", "line 4, column 8: not YAML: a key is not text"),
        (f"{HEAD}spec:\n  a: [1\n", "not YAML"),
        (f"{HEAD}spec:\n\ta: 1\n", "line 5, column 1: not YAML"),
        (f"{HEAD}spec: !!python/object:os.system {{}}\n", "line 4, column 7: not YAML"),
        (f"{HEAD}spec: *nothing\n", "not YAML"),
        ("a: " + "[" * 1500, "not YAML"),
        ('a: !!int ""', "not YAML"),
        ("a: !!bool maybe", "not YAML"),
        ("a: &a [*a]", "more than"),
        (ALIASES, "more than"),
        (MERGES, "more than"),
        ("a: !!binary aGVsbG8=", "holds a bytes, which JSON does not know"),
        ("a: !!set {b, c}", "holds a set"),
        ("a: !!omap [{b: 1}]", "holds a tuple"),
    ],
)
def test_an_unreadable_file_says_where_and_why(file: Path, text: str, said: str):
    file.write_text(text)

    with pytest.raises(UnreadableManifest) as refusal:
        read_manifests(file)

    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_bytes_that_are_no_text_are_refused(file: Path):
    file.write_bytes(b"\xff\xfe\x00\xd8")

    with pytest.raises(UnreadableManifest, match="not YAML"):
        read_manifests(file)


def test_a_file_that_is_too_large_is_not_read(file: Path):
    file.write_text("# " + "x" * MAX_FILE_BYTES)

    with pytest.raises(UnreadableManifest, match="more than"):
        read_manifests(file)


def test_a_pipe_is_not_waited_for(file: Path):
    os.mkfifo(file)

    with pytest.raises(UnreadableManifest, match="no file"):
        read_manifests(file)


def test_a_missing_file_is_named_by_its_reason(file: Path):
    with pytest.raises(UnreadableManifest, match="No such file"):
        read_manifests(file)

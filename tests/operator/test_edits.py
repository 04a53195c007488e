"""Who set what is in force: read from the API server's notes, carried in the document."""

from typing import Any

import pytest
from tests.operator.builders import NOW, rate_source

from kurs.kernel.clock import from_rfc3339
from kurs_operator.compile import compile_resources
from kurs_operator.edits import last_edit
from kurs_operator.last_good import hold_last_good


def entry(manager: Any, time: Any, *fields: str, **more: Any) -> dict[str, Any]:
    return {"manager": manager, "time": time, "fieldsV1": {f: {} for f in fields}, **more}


EARLY, LATE = "2026-01-01T10:00:00Z", "2026-01-01T11:00:00Z"
HELM = entry("helm", EARLY, "f:metadata", "f:spec")
KUBECTL = entry("kubectl-client-side-apply", LATE, "f:spec")
STATUS = entry("kurs-operator", "2026-01-01T12:00:00Z", "f:status", subresource="status")


def edited(*entries: Any) -> dict[str, Any]:
    metadata = {"uid": "u", "generation": 2, "managedFields": list(entries)}
    return rate_source(metadata=metadata)


def test_the_newest_writer_of_the_spec_is_named():
    found = last_edit(edited(KUBECTL, HELM, STATUS))

    assert found == (from_rfc3339(LATE), "kubectl-client-side-apply")


@pytest.mark.parametrize(
    "broken",
    [
        None, 7, [], entry(None, LATE, "f:spec"), entry("", LATE, "f:spec"),
        entry("\ud800", LATE, "f:spec"), entry("kubectl", "yesterday", "f:spec"),
        entry("kubectl", None, "f:spec"), {**HELM, "fieldsV1": "f:spec"},
    ],
    ids=repr,
)  # fmt: skip
def test_a_note_that_cannot_be_read_is_none(broken):
    assert last_edit(edited(broken)) is None
    assert last_edit(edited(broken, HELM)) == (from_rfc3339(EARLY), "helm")
    assert last_edit({"metadata": {"managedFields": broken}}) is None


def test_the_document_carries_it_beside_its_revision():
    before = compile_resources([edited(HELM)], now=NOW).fx
    after = compile_resources([edited(HELM, KUBECTL)], now=NOW).fx

    assert before is not None
    assert after is not None
    assert (after.sources[0].edited_by, after.sources[0].edited_at) == (
        "kubectl-client-side-apply",
        from_rfc3339(LATE),
    )
    # A label that changes hands is no reason to write to every pod.
    assert before.says_the_same(after)


def test_who_spoils_a_resource_did_not_set_what_stays_in_force():
    document = compile_resources([edited(HELM)], now=NOW).fx
    assert document is not None
    spoilt = edited(HELM, KUBECTL)
    spoilt["spec"]["baseCurrency"] = "UXD"

    held, _ = hold_last_good([spoilt], [document])

    assert last_edit(held[0]) is None

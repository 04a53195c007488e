"""The watched document: real files, symbolic links swapped as the kubelet does, real reads."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from pydantic import model_validator
from tests.kurs.mounts import ConfigMapMount, Mount, document

from kurs.calls import Request
from kurs.config.documents import DocumentWatcher
from kurs.config.reports import config_router
from kurs.config.resources import (
    RiskDocument,
    digest_of,
)
from kurs.telemetry import Telemetry
from kurs_testing.asgi import AsgiTransport
from kurs_testing.clock import ManualClock
from kurs_testing.telemetry import RecordingTelemetry

PATIENCE_SECONDS = 60
"""How long a condition may take on a busy machine before a test gives up."""


@pytest.fixture(params=[Mount, ConfigMapMount], ids=["file", "config map"])
def mount(request: pytest.FixtureRequest, tmp_path: Path) -> Mount:
    folder = tmp_path / "risk"
    folder.mkdir()
    made: Mount = request.param(folder)
    return made


@pytest.fixture
def telemetry() -> Telemetry:
    return RecordingTelemetry("risk")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def watcher(
    mount: Mount, telemetry: Telemetry, clock: ManualClock
) -> AsyncIterator[DocumentWatcher[RiskDocument]]:
    made = DocumentWatcher(
        mount.folder, RiskDocument, telemetry=telemetry, poll_seconds=0.01, clock=clock
    )
    yield made
    await made.close()


async def eventually(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not reached():  # noqa: ASYNC110 (a file changes, which no event tells)
            await asyncio.sleep(0.01)


def value(registry: CollectorRegistry, metric: str, /, **labels: str) -> float | None:
    return registry.get_sample_value(metric, labels)


async def test_a_document_that_is_there_is_in_force_after_the_start(
    mount: Mount, watcher: DocumentWatcher[RiskDocument], clock: ManualClock
):
    mount.write(document("limits"))

    await watcher.start()

    assert watcher.ready
    assert watcher.current == document("limits")
    assert watcher.revision == document("limits").revision
    assert watcher.applied_at == clock.now()
    assert watcher.error is None


async def test_a_service_waits_for_its_first_document(
    mount: Mount, watcher: DocumentWatcher[RiskDocument], telemetry: Telemetry
):
    await watcher.start()
    assert not watcher.ready
    assert watcher.revision is None
    assert "No such file" in str(watcher.error)
    assert value(telemetry.registry, "kurs_config_reload_failures_total") == 0

    mount.write(document("limits"))

    await eventually(lambda: watcher.ready)
    assert watcher.error is None


async def test_a_new_document_replaces_the_old_one_whole(
    mount: Mount, watcher: DocumentWatcher[RiskDocument]
):
    mount.write(document("limits"))
    await watcher.start()
    held = watcher.current

    mount.write(document("limits", "rupiah"))

    await eventually(lambda: watcher.current != held)
    assert watcher.current == document("limits", "rupiah")
    assert held == document("limits")


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("", "EOF"),
        ("{", "EOF"),
        ("[]", "is not a mapping"),
        ('{"revision": "0123456789abcdef", "payload": {}}', "the revision does not fit"),
        ('{"payload": {}}', "revision: is missing"),
        ("\x00" * 10, "Invalid JSON"),
        (" " * (2 * 1024 * 1024 + 1), "has more than 2097152 bytes"),
    ],
    ids=["empty", "half", "list", "forged", "bare", "zeros", "huge"],
)
async def test_a_bad_document_leaves_the_last_good_one_in_force(
    mount: Mount,
    watcher: DocumentWatcher[RiskDocument],
    telemetry: Telemetry,
    bad: str,
    said: str,
):
    mount.write(document("limits"))
    await watcher.start()

    mount.write(bad)
    await eventually(lambda: watcher.error is not None)

    assert said in str(watcher.error)
    assert watcher.current == document("limits")
    assert watcher.ready
    assert value(telemetry.registry, "kurs_config_reload_failures_total") == 1

    mount.write(document("limits", mode="Shadow"))
    await eventually(lambda: watcher.error is None)
    assert watcher.current == document("limits", mode="Shadow")


async def test_going_back_to_the_good_document_clears_the_error_and_applies_nothing(
    mount: Mount, watcher: DocumentWatcher[RiskDocument], clock: ManualClock
):
    applied: list[RiskDocument] = []
    mount.write(document("limits"))
    await watcher.start()
    watcher.subscribe(applied.append)
    mount.write("{")
    await eventually(lambda: watcher.error is not None)
    clock.advance(seconds=60)

    mount.write(document("limits"))
    await eventually(lambda: watcher.error is None)

    assert applied == [document("limits")]
    assert watcher.applied_at != clock.now()


async def test_a_document_that_goes_away_stays_in_force(
    mount: Mount, watcher: DocumentWatcher[RiskDocument]
):
    mount.write(document("limits"))
    await watcher.start()

    mount.remove()
    await eventually(lambda: watcher.error is not None)

    assert watcher.current == document("limits")
    assert watcher.ready


async def test_a_subscriber_hears_what_is_in_force_and_what_follows(
    mount: Mount, watcher: DocumentWatcher[RiskDocument]
):
    heard: list[tuple[str, ...]] = []
    mount.write(document("limits"))
    await watcher.start()

    watcher.subscribe(lambda new: heard.append(tuple(s.name for s in new.sources)))
    mount.write(document("rupiah"))

    await eventually(lambda: len(heard) == 2)
    assert heard == [("limits",), ("rupiah",)]


async def test_a_subscriber_that_raises_rejects_the_document_for_all(
    mount: Mount, watcher: DocumentWatcher[RiskDocument]
):
    heard: list[str] = []

    def refuse_shadow(new: RiskDocument) -> None:
        if new.payload.thresholds[0].spec.mode == "Shadow":
            raise ValueError("no trials here")

    watcher.subscribe(lambda new: heard.append(new.payload.thresholds[0].spec.mode))
    watcher.subscribe(refuse_shadow)
    mount.write(document("limits"))
    await watcher.start()

    mount.write(document("limits", mode="Shadow"))
    await eventually(lambda: watcher.error is not None)

    assert "no trials here" in str(watcher.error)
    assert watcher.current == document("limits")
    assert heard == ["Enforce", "Shadow", "Enforce"]


async def test_metrics_name_the_configured_resources_and_no_others(
    mount: Mount, watcher: DocumentWatcher[RiskDocument], telemetry: Telemetry, clock: ManualClock
):
    mount.write(document("limits", "rupiah", generation=3))
    await watcher.start()
    generation = {"kind": "RiskThreshold", "name": "rupiah"}
    assert value(telemetry.registry, "kurs_config_applied_generation", **generation) == 3

    clock.advance(seconds=5)
    mount.write(document("limits", generation=4))
    await eventually(lambda: watcher.current == document("limits", generation=4))

    assert value(telemetry.registry, "kurs_config_applied_generation", **generation) is None
    seconds = value(telemetry.registry, "kurs_config_reload_success_timestamp_seconds")
    assert seconds == clock.now() / 1_000_000


async def test_a_generation_is_acknowledged_although_the_revision_stays(
    mount: Mount, watcher: DocumentWatcher[RiskDocument]
):
    mount.write(document("limits", generation=1))
    await watcher.start()

    mount.write(document("limits", generation=2))

    await eventually(lambda: watcher.current == document("limits", generation=2))
    assert watcher.revision == document("limits", generation=1).revision


async def test_the_route_tells_what_is_in_force_and_what_is_wrong(
    mount: Mount, watcher: DocumentWatcher[RiskDocument]
):
    app = FastAPI()
    app.include_router(config_router(watcher))
    transport = AsgiTransport({"http://risk": app})

    async def asked() -> dict[str, Any]:
        answer = await transport.send(Request("GET", "http://risk/internal/config"))
        assert answer.status == 200
        content: dict[str, Any] = json.loads(answer.body)
        return content

    await watcher.start()
    assert (await asked())["revision"] is None

    mount.write(document("limits", generation=7))
    await eventually(lambda: watcher.ready)
    assert await asked() == {
        "revision": document("limits").revision,
        "error": None,
        "applied_at": "2026-01-01T00:00:00.000000Z",
        "digest": digest_of(document("limits", generation=7).to_json().encode()),
        "sources": [
            {
                "kind": "RiskThreshold",
                "name": "limits",
                "uid": "",
                "generation": 7,
                "editedBy": None,
                "editedAt": None,
            }
        ],
        "reports": [],
    }

    mount.write("{")
    await eventually(lambda: watcher.error is not None)
    assert (await asked())["revision"] == document("limits").revision
    assert "Invalid JSON" in (await asked())["error"]


async def test_applying_goes_on_in_the_trace_that_wrote_the_document(
    mount: Mount, watcher: DocumentWatcher[RiskDocument], telemetry: Telemetry
):
    trace = "0af7651916cd43dd8448eb211c80319c"
    written = document("limits").model_copy(
        update={"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    )
    mount.write(written)

    await watcher.start()

    [span] = telemetry.spans()
    assert f"{span.context.trace_id:032x}" == trace
    assert span.attributes == {"config.revision": written.revision}
    assert watcher.revision == document("limits").revision


async def test_a_document_of_nobody_is_applied_without_a_trace(
    mount: Mount, watcher: DocumentWatcher[RiskDocument], telemetry: Telemetry
):
    mount.write(document("limits"))

    await watcher.start()

    assert watcher.ready
    assert telemetry.spans() == ()


async def test_many_swaps_end_at_the_last_one(mount: Mount, watcher: DocumentWatcher[RiskDocument]):
    mount.write(document("limits"))
    await watcher.start()

    for priority in range(50):
        mount.write(document("limits", priority=priority))
        await asyncio.sleep(0)

    await eventually(lambda: watcher.current == document("limits", priority=49))
    assert watcher.error is None


async def test_a_closed_watcher_applies_nothing_more(
    mount: Mount, watcher: DocumentWatcher[RiskDocument]
):
    mount.write(document("limits"))
    await watcher.start()
    await watcher.close()

    mount.write(document("rupiah"))
    await asyncio.sleep(0.05)

    assert watcher.current == document("limits")


class _Unreadable(RiskDocument):
    """A document whose content a validator fails on in a way that nobody foresaw."""

    @model_validator(mode="after")
    def _fail(self) -> "_Unreadable":
        raise RecursionError


async def test_a_document_that_fails_its_reader_is_refused_once_and_the_service_starts(
    mount: Mount, telemetry: Telemetry
):
    watcher = DocumentWatcher(mount.folder, _Unreadable, telemetry=telemetry, poll_seconds=0.01)
    mount.write(document("limits"))

    await watcher.start()
    await asyncio.sleep(0.1)
    await watcher.close()

    assert not watcher.ready
    assert "cannot be read: RecursionError" in str(watcher.error)
    assert value(telemetry.registry, "kurs_config_reload_failures_total") == 1

"""Which destinations are in force, whatever becomes of their document, on replicas in turn."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kurs.config.documents import DocumentWatcher
from kurs.config.resources import FILE_NAME, WebhooksDocument
from kurs.data.database import Database
from kurs.data.migrations import migrate
from kurs_operator.compile import compile_resources
from kurs_testing.telemetry import RecordingTelemetry
from kurs_testing.waiting import eventually
from webhooks.destinations import Destinations
from webhooks.kept import KeptDocument
from webhooks.migrations import VERSIONS


def document(*names: str, timeout: str = "10s") -> str:
    """Return the document of destinations of these names."""
    spec = {
        "merchant": "shop",
        "url": "https://shop.example.org/hooks",
        "secretRef": {"name": "hooks", "key": "secret"},
        "timeout": timeout,
    }
    resources: list[Any] = [
        {
            "apiVersion": "kurs.dev/v1alpha1",
            "kind": "EventDestination",
            "metadata": {"name": name},
            "spec": spec,
        }
        for name in names
    ]
    return compile_resources(resources, now=0).webhooks.to_json()


@dataclass
class Replicas:
    """One folder and one database, and replicas that look at both."""

    folder: Path
    database: Database
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    def put(self, text: str | None) -> None:
        """Let the document be this text, or not be there."""
        file = self.folder / FILE_NAME
        if text is None:
            file.unlink()
        else:
            self.folder.mkdir(exist_ok=True)
            draft = file.with_suffix(".draft")
            draft.write_text(text)
            draft.replace(file)

    async def begun(self) -> tuple[Destinations, DocumentWatcher[WebhooksDocument]]:
        """Start a replica."""
        telemetry, found = RecordingTelemetry("webhooks"), Destinations()
        watcher = DocumentWatcher(
            self.folder,
            WebhooksDocument,
            telemetry=telemetry,
            poll_seconds=0.02,
            memory=KeptDocument(self.database),
        )
        watcher.subscribe(found.apply)
        await watcher.start()
        self.stack.push_async_callback(watcher.close)
        return found, watcher

    async def names(self) -> Collection[str]:
        """Return what a replica that starts now knows."""
        found, _ = await self.begun()
        return set(found.in_force)


@pytest.fixture
async def replicas(tmp_path: Path, database_url: str) -> AsyncIterator[Replicas]:
    await asyncio.to_thread(migrate, database_url, VERSIONS)
    opened = Database.open(database_url)
    made = Replicas(tmp_path / "config", opened)
    async with made.stack:
        yield made
    await opened.close()


async def test_a_replica_that_starts_beside_a_wrong_document_knows_the_last_good_one(
    replicas: Replicas,
) -> None:
    replicas.put(document("orders", "books", timeout="3s"))
    assert await replicas.names() == {"orders", "books"}
    replicas.put(document("orders").replace("shop.example.org", "evil.example.org"))

    later, watcher = await replicas.begun()

    assert set(later.in_force) == {"orders", "books"}
    assert later.in_force["books"].timeout == 3
    assert "revision" in (watcher.error or "")
    replicas.put(document("orders"))
    await eventually(lambda: set(later.in_force) == {"orders"})
    assert watcher.error is None


async def test_a_replica_that_starts_without_a_document_knows_all_destinations(
    replicas: Replicas,
) -> None:
    assert await replicas.names() == set()
    replicas.put(document("orders"))
    running, _ = await replicas.begun()
    replicas.put(None)

    assert await replicas.names() == {"orders"}
    assert set(running.in_force) == {"orders"}
    replicas.put(document())
    await eventually(lambda: not running.in_force)
    replicas.put(None)
    assert await replicas.names() == set(), "what was removed on purpose is gone"


async def test_what_cannot_be_kept_is_not_in_force_until_it_is(
    replicas: Replicas, monkeypatch: pytest.MonkeyPatch
) -> None:
    replicas.put(document("orders"))
    real = replicas.database.write

    async def fails(_: object) -> None:
        raise OSError("no database")

    monkeypatch.setattr(replicas.database, "write", fails)
    found, watcher = await replicas.begun()
    assert not found.loaded
    assert "no database" in (watcher.error or "")
    monkeypatch.setattr(replicas.database, "write", real)

    await eventually(lambda: set(found.in_force) == {"orders"})
    assert watcher.error is None


async def test_what_was_kept_is_asked_for_until_the_database_answers(
    replicas: Replicas, monkeypatch: pytest.MonkeyPatch
) -> None:
    replicas.put(document("orders"))
    await replicas.begun()
    replicas.put("{")
    real = replicas.database.read

    async def fails(_: object) -> None:
        raise OSError("no database")

    monkeypatch.setattr(replicas.database, "read", fails)
    found, _ = await replicas.begun()
    assert not found.loaded
    monkeypatch.setattr(replicas.database, "read", real)

    await eventually(lambda: set(found.in_force) == {"orders"})

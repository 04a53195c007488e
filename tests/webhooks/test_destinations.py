"""Which destinations are in force, whatever becomes of their files, on replicas in turn."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from kurs.data.database import Database
from kurs.data.migrations import migrate
from kurs_testing.telemetry import RecordingTelemetry
from webhooks.destinations import Destinations
from webhooks.migrations import VERSIONS

WRONG = "kind: ["


@dataclass
class Replicas:
    """One folder and one database, and replicas that look at both in turn."""

    folder: Path
    database: Database

    def write(self, file: str, name: str = "", **spec: Any) -> None:
        """Write a destination that is right."""
        content = {
            "apiVersion": "kurs.dev/v1alpha1",
            "kind": "EventDestination",
            "metadata": {"name": name or file},
            "spec": {
                "merchant": "shop",
                "url": "https://shop.example.org/hooks",
                "secretRef": {"name": "hooks", "key": "secret"},
                **spec,
            },
        }
        self.put(file, yaml.safe_dump(content))

    def put(self, file: str, text: str) -> None:
        self.folder.mkdir(exist_ok=True)
        (self.folder / f"{file}.yaml").write_text(text)

    def replica(self) -> Destinations:
        logger = RecordingTelemetry("webhooks").logger
        return Destinations(self.folder, self.database, logger)

    async def begun(self) -> Destinations:
        """Start a replica, and let it look once."""
        made = self.replica()
        await made.look()
        return made

    async def names(self) -> Collection[str]:
        """Return what a replica that starts now knows."""
        return set((await self.begun()).in_force)


@pytest.fixture
async def replicas(tmp_path: Path, database_url: str) -> AsyncIterator[Replicas]:
    await asyncio.to_thread(migrate, database_url, VERSIONS)
    opened = Database.open(database_url)
    yield Replicas(tmp_path / "destinations", opened)
    await opened.close()


async def test_a_replica_that_starts_beside_a_wrong_edit_knows_the_last_good_version(
    replicas: Replicas,
) -> None:
    replicas.write("orders")
    replicas.write("books", timeout="3s")
    assert await replicas.names() == {"orders", "books"}
    replicas.put("books", WRONG)

    later = await replicas.begun()

    assert set(later.in_force) == {"orders", "books"}
    assert later.in_force["books"].timeout == 3
    assert set(later.problems) == {"books.yaml"}


async def test_a_replica_that_starts_without_a_folder_knows_all_destinations(
    replicas: Replicas,
) -> None:
    replicas.write("orders")
    running = await replicas.begun()
    shutil.rmtree(replicas.folder)

    await running.look()

    assert set(running.in_force) == {"orders"}
    assert await replicas.names() == {"orders"}
    replicas.write("books")
    assert await replicas.names() == {"books"}


async def test_what_was_removed_is_gone_though_another_file_cannot_be_read(
    replicas: Replicas,
) -> None:
    replicas.write("orders")
    replicas.write("books")
    running = await replicas.begun()
    (replicas.folder / "orders.yaml").unlink()
    replicas.put("books", WRONG)
    replicas.put("never-right", WRONG)

    await running.look()

    assert set(running.in_force) == {"books"}
    assert await replicas.names() == {"books"}
    (replicas.folder / "books.yaml").unlink()
    replicas.put("books", WRONG)
    assert await replicas.names() == {"books"}, "nobody saw it removed"
    (replicas.folder / "books.yaml").unlink()
    assert await replicas.names() == set()


async def test_an_edit_that_is_right_again_holds_and_is_what_is_kept(replicas: Replicas) -> None:
    replicas.write("orders", timeout="3s")
    running = await replicas.begun()
    for text in (WRONG, WRONG + WRONG):
        replicas.put("orders", text)
        await running.look()
    assert running.in_force["orders"].timeout == 3
    replicas.write("orders", timeout="7s")
    await running.look()
    assert running.in_force["orders"].timeout == 7
    assert not running.problems
    replicas.put("orders", WRONG)

    assert (await replicas.begun()).in_force["orders"].timeout == 7


async def test_a_name_that_stands_in_two_files_is_told_and_the_first_holds(
    replicas: Replicas,
) -> None:
    replicas.write("a", "orders", timeout="3s")
    replicas.write("b", "orders", timeout="7s")
    running = await replicas.begun()

    assert running.in_force["orders"].timeout == 3
    assert set(running.problems) == {"b.yaml"}
    replicas.put("a", WRONG)
    assert (await replicas.begun()).in_force["orders"].timeout == 3


async def test_what_cannot_be_kept_is_not_in_force_and_is_kept_by_the_next_look(
    replicas: Replicas, monkeypatch: pytest.MonkeyPatch
) -> None:
    replicas.write("orders")
    real = replicas.database.write
    running = replicas.replica()

    async def fails(_: object) -> None:
        raise OSError("no database")

    monkeypatch.setattr(replicas.database, "write", fails)
    with pytest.raises(OSError, match="no database"):
        await running.look()
    assert not running.loaded
    monkeypatch.setattr(replicas.database, "write", real)
    await running.look()

    assert set(running.in_force) == {"orders"}

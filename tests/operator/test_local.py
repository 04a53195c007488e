"""The local mode over real files: edits, broken edits, renames, time, and a restart."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.operator.builders import NOW, destination, rate_source, threshold

from kurs.config.resources import FxDocument, RiskDocument
from kurs_operator.local import LocalOperator
from kurs_testing.clock import ManualClock

DAY_SECONDS = 86_400


class Desk:
    """A folder of samples, the operator over it, and what it said."""

    def __init__(self, folder: Path) -> None:
        self.samples = folder / "samples"
        self.samples.mkdir()
        self.destinations = folder / "destinations"
        self.destinations.mkdir()
        self.out = folder / "config"
        self.clock = ManualClock(NOW)
        self.said: list[str] = []
        self.operator = self.restart()

    def restart(self) -> LocalOperator:
        self.operator = LocalOperator(
            [self.samples],
            self.out,
            say=self.said.append,
            destinations=self.destinations,
            clock=self.clock,
        )
        return self.operator

    def write(self, name: str, *contents: Any) -> Path:
        return self.write_text(name, yaml.safe_dump_all(contents))

    def write_text(self, name: str, text: str) -> Path:
        # By rename, as editors do, so that every edit has another inode whatever its time.
        draft = self.samples / f".{name}.draft"
        draft.write_text(text)
        return draft.replace(self.samples / name)

    def step(self) -> bool:
        self.said.clear()
        return self.operator.step()

    @property
    def fx(self) -> FxDocument:
        return FxDocument.model_validate_json((self.out / "fx" / "config.json").read_text())

    @property
    def risk(self) -> RiskDocument:
        return RiskDocument.model_validate_json((self.out / "risk" / "config.json").read_text())

    def spread(self) -> int:
        [source] = self.fx.payload.rate_sources
        return source.spec.pairs[0].spread_bps

    def heard(self, *parts: str) -> bool:
        return any(all(part in line for part in parts) for line in self.said)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def spread(bps: Any, name: str = "desk") -> dict[str, Any]:
    return rate_source(name, pairs=[{"quote": "IDR", "spreadBps": bps}])


def test_the_first_step_writes_both_documents(desk: Desk):
    desk.write("fx.yaml", rate_source())
    desk.write("risk.yml", threshold())

    assert desk.step() is True

    assert [s.name for s in desk.fx.sources] == ["desk"]
    assert [s.name for s in desk.risk.sources] == ["limits"]
    assert desk.heard("fx: revision", desk.fx.revision, "desk")


def test_an_edited_spread_is_in_the_document_after_one_step(desk: Desk):
    desk.write("fx.yaml", spread(25))
    desk.step()
    before = desk.fx.revision

    desk.write("fx.yaml", spread(40))

    assert desk.step() is True
    assert desk.spread() == 40
    assert desk.fx.revision != before


def test_an_edit_in_place_is_seen(desk: Desk):
    file = desk.write("fx.yaml", spread(25))
    desk.step()

    with file.open("r+") as stream:
        text = stream.read().replace("spreadBps: 25", "spreadBps: 140")
        stream.seek(0)
        stream.write(text)

    desk.step()
    assert desk.spread() == 140


def test_nothing_is_written_or_said_while_nothing_changes(desk: Desk):
    desk.write("fx.yaml", rate_source())
    desk.step()
    written = (desk.out / "fx" / "config.json").stat()

    desk.step()

    assert desk.said == []
    assert (desk.out / "fx" / "config.json").stat().st_mtime_ns == written.st_mtime_ns


def test_a_broken_edit_keeps_the_last_good_one_and_says_what_is_wrong(desk: Desk):
    desk.write("fx.yaml", spread(25))
    desk.step()
    before = desk.fx

    desk.write("fx.yaml", spread("wide"))

    assert desk.step() is False
    assert desk.fx == before
    [line] = desk.said
    assert line == (
        f"{desk.samples / 'fx.yaml'}: FXRateSource/desk: spec.pairs[0].spreadBps: "
        "is not a whole number (write a whole number without quotes); "
        "the last good version stays in force"
    )


def test_a_broken_edit_is_reported_once_and_its_repair_as_well(desk: Desk):
    desk.write("fx.yaml", spread(25))
    desk.step()
    desk.write_text("fx.yaml", "spec: [")
    desk.step()
    assert desk.heard("fx.yaml", "not YAML")

    desk.step()
    assert desk.said == []

    desk.write("fx.yaml", spread(30))
    assert desk.step() is True
    assert desk.heard("fx.yaml: is right again")
    assert desk.spread() == 30


def test_a_broken_file_does_not_hold_up_the_others(desk: Desk):
    desk.write("fx.yaml", spread(25))
    desk.write("risk.yaml", threshold())
    desk.step()

    desk.write_text("risk.yaml", "")
    desk.write("fx.yaml", spread(40))
    desk.step()

    assert desk.spread() == 40
    assert [s.name for s in desk.risk.sources] == ["limits"]
    assert desk.heard("risk.yaml", "the file is empty (delete it to remove its resources)")


def test_a_new_file_that_is_broken_is_left_out(desk: Desk):
    desk.write("fx.yaml", spread(25))
    desk.step()

    desk.write("fx-more.yaml", rate_source("more", priority=-1))
    desk.write("fx.yaml", spread(26))

    assert desk.step() is False
    assert desk.spread() == 26
    assert desk.heard("fx-more.yaml", "spec.priority", "it is not in force")


def test_a_file_that_is_broken_at_the_start_leaves_the_last_run_in_force(desk: Desk):
    desk.write("a.yaml", threshold("a"))
    desk.write("fx.yaml", spread(25))
    desk.step()
    before = desk.risk

    desk.write("a.yaml", threshold("a", mode="Observe"))
    desk.write("b.yaml", threshold("b", scope={"currencies": ["IDR"]}))
    desk.write("fx.yaml", spread(40))
    desk.restart()

    assert desk.step() is False
    assert desk.risk == before
    assert desk.spread() == 40
    assert desk.heard("risk: no document is written until the RiskThreshold files are right")

    desk.write("a.yaml", threshold("a", mode="Shadow"))
    assert desk.step() is True
    assert [s.name for s in desk.risk.sources] == ["a", "b"]


def test_an_unreadable_file_at_the_start_holds_both_documents(desk: Desk):
    desk.write_text("what.yaml", "spec: [")
    desk.write("fx.yaml", rate_source())

    assert desk.step() is False
    assert not (desk.out / "fx").exists()

    (desk.samples / "what.yaml").unlink()
    assert step_until(desk, lambda: (desk.out / "fx" / "config.json").exists())


def test_destinations_come_from_a_folder_of_their_own_and_a_bad_one_is_told_alone(desk: Desk):
    desk.write("fx.yaml", spread(25))
    for name, content in (("good", destination("good")), ("bad", destination("bad", timeout="1h"))):
        (desk.destinations / f"{name}.yaml").write_text(yaml.safe_dump(content))

    assert desk.step() is False
    assert desk.heard("bad.yaml", "spec.timeout", "it is not in force")
    assert desk.heard("webhooks: no document is written until the EventDestination files are right")
    assert desk.spread() == 25

    (desk.destinations / "bad.yaml").write_text(yaml.safe_dump(destination("bad")))
    assert desk.step() is True
    document = json.loads((desk.out / "webhooks" / "config.json").read_text())
    names = {source["name"]: source["generation"] for source in document["sources"]}
    assert names == {"good": 1, "bad": 1}


@pytest.mark.parametrize("text", ["spec: [", "kind: EventDestination\nspec: {url: [}\n", "\0"])
def test_a_destination_that_cannot_be_read_at_the_start_holds_no_rates_and_no_limits(
    desk: Desk, text: str
):
    desk.write("fx.yaml", spread(25))
    desk.write("risk.yaml", threshold())
    (desk.destinations / "broken.yaml").write_text(text)

    assert desk.step() is False
    assert desk.heard("broken.yaml: ")
    assert desk.spread() == 25
    assert len(desk.risk.sources) == 1
    assert desk.heard("webhooks: no document is written until the EventDestination files are right")


def test_a_file_that_cannot_be_read_at_the_start_holds_the_kinds_that_it_names(desk: Desk):
    desk.write("fx.yaml", spread(25))
    desk.write_text("limits.yaml", '"kind": "RiskThreshold"\nspec: {mode: [}\n')

    assert desk.step() is False
    assert desk.spread() == 25
    assert (desk.out / "webhooks" / "config.json").exists()
    assert not (desk.out / "risk").exists()


def test_rates_and_limits_among_destinations_are_refused_and_held(desk: Desk):
    (desk.destinations / "limits.yaml").write_text(yaml.safe_dump(threshold()))

    assert desk.step() is False
    assert desk.heard("limits.yaml", "only EventDestinations lie here")
    assert not (desk.out / "risk").exists()
    assert (desk.out / "webhooks" / "config.json").exists()


def test_a_deleted_file_takes_its_resources_along(desk: Desk):
    desk.write("a.yaml", threshold("a"))
    file = desk.write("b.yaml", threshold("b", scope={"currencies": ["IDR"]}))
    desk.step()

    file.unlink()

    assert step_until(desk, lambda: [s.name for s in desk.risk.sources] == ["a"])


def test_a_file_that_is_away_for_one_look_is_not_taken_for_deleted(desk: Desk):
    file = desk.write("a.yaml", threshold("a"))
    desk.step()
    away = file.rename(desk.samples / "a.away")
    desk.step()
    assert [s.name for s in desk.risk.sources] == ["a"]

    away.rename(file)
    desk.step()
    file.rename(away)
    desk.step()

    assert [s.name for s in desk.risk.sources] == ["a"]


def test_a_renamed_file_changes_nothing(desk: Desk):
    file = desk.write("a.yaml", threshold("a"))
    desk.step()

    file.rename(desk.samples / "renamed.yaml")

    assert desk.step() is True
    assert desk.step() is True
    assert desk.said == []
    assert [s.name for s in desk.risk.sources] == ["a"]


def test_a_copied_file_is_refused_until_its_resource_has_another_name(desk: Desk):
    desk.write("b.yaml", threshold("limits"))
    desk.step()

    desk.write("a-copy.yaml", threshold("limits", mode="Shadow"))

    assert desk.step() is False
    assert desk.heard("a-copy.yaml", "metadata.name: is taken by b.yaml (write another name)")
    assert desk.risk.payload.thresholds[0].spec.mode == "Enforce"

    desk.write("a-copy.yaml", threshold("trial", mode="Shadow"))
    assert desk.step() is True


def test_a_name_that_becomes_free_is_taken_over(desk: Desk):
    desk.write("a.yaml", threshold("limits"))
    desk.write("b.yaml", threshold("limits", mode="Shadow"))
    assert desk.step() is False

    desk.write("a.yaml", threshold("other"))

    assert desk.step() is True
    assert [s.name for s in desk.risk.sources] == ["limits", "other"]


def test_one_name_twice_in_a_file_is_refused(desk: Desk):
    desk.write("a.yaml", threshold("limits"), threshold("limits", mode="Shadow"))

    assert desk.step() is False
    assert desk.heard("RiskThreshold/limits: metadata.name: stands 2 times in this file")


def test_a_conflict_is_told_to_the_loser(desk: Desk):
    desk.write("a.yaml", spread(25, "a"))
    desk.write("b.yaml", spread(30, "b"))

    assert desk.step() is False
    assert desk.heard("FXRateSource/b: Conflicted: FXRateSource/a wins")
    assert [s.name for s in desk.fx.sources] == ["a"]


def test_hidden_files_and_other_suffixes_are_not_read(desk: Desk):
    desk.write_text(".secret.yaml", "spec: [")
    desk.write_text("README.md", "spec: [")
    desk.write_text("fx.yaml~", "spec: [")

    assert desk.step() is True
    assert desk.fx.sources == ()


def test_a_resource_expires_without_an_event(desk: Desk):
    desk.write("a.yaml", threshold("a", effectiveUntil="2026-01-02T00:00:00Z"))
    desk.step()
    assert [s.name for s in desk.risk.sources] == ["a"]

    desk.clock.advance(seconds=DAY_SECONDS)

    assert desk.step() is True
    assert desk.risk.sources == ()
    assert desk.heard("RiskThreshold/a: Expired: was in force until 2026-01-02")


def test_a_hand_edited_or_deleted_document_is_restored(desk: Desk):
    desk.write("fx.yaml", spread(25))
    desk.step()
    file = desk.out / "fx" / "config.json"

    file.write_text(file.read_text().replace("25", "0"))
    desk.step()
    assert desk.spread() == 25

    file.unlink()
    desk.step()
    assert desk.spread() == 25


def test_the_generation_counts_the_edits_also_across_a_restart(desk: Desk):
    desk.write("fx.yaml", spread(25))
    desk.step()
    desk.write("fx.yaml", spread(30))
    desk.step()
    assert [s.generation for s in desk.fx.sources] == [2]

    desk.restart()
    desk.step()
    assert [s.generation for s in desk.fx.sources] == [2]

    desk.write("fx.yaml", spread(35))
    desk.step()
    assert [s.generation for s in desk.fx.sources] == [3]


def test_a_generation_that_is_stated_is_kept(desk: Desk):
    desk.write("fx.yaml", rate_source(metadata={"generation": 41, "uid": "u-1"}))
    desk.step()

    [source] = json.loads((desk.out / "fx" / "config.json").read_text())["sources"]
    assert source == {"kind": "FXRateSource", "name": "desk", "uid": "u-1", "generation": 41}


def test_a_folder_that_goes_away_keeps_the_documents(desk: Desk):
    desk.write("fx.yaml", rate_source())
    desk.step()

    away = desk.samples.rename(desk.samples.with_name("away"))

    assert desk.step() is False
    assert desk.heard("cannot be listed")
    assert [s.name for s in desk.fx.sources] == ["desk"]

    away.rename(desk.samples)
    assert desk.step() is True


def step_until(desk: Desk, reached: Callable[[], bool]) -> bool:
    """Step a few times, as deletions are believed only after two looks."""
    for _ in range(4):
        desk.step()
        if reached():
            return True
    return False


def test_files_that_cannot_be_read_are_told_and_keep_no_other_from_its_effect(desk: Desk):
    desk.write("fx.yaml", spread(25))
    desk.step()
    (desk.samples / "loop.yaml").symlink_to("loop.yaml")
    (desk.samples / "folder.yaml").mkdir()
    os.mkfifo(desk.samples / "pipe.yaml")
    (desk.samples / "bytes.yaml").write_bytes(b"\xff\x00")
    desk.write_text("empty.yaml", 'a: !!int ""')
    desk.write("fx.yaml", spread(40))

    assert desk.step() is False

    assert desk.spread() == 40
    for name in ("loop", "folder", "pipe", "bytes", "empty"):
        assert desk.heard(f"{name}.yaml: ")

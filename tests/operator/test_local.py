"""The local mode over real files: edits, broken edits, renames, time, and a restart."""

import json

from tests.operator.builders import rate_source, threshold
from tests.operator.desk import Desk, spread

DAY_SECONDS = 86_400


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

"""Files of the local mode that come, go, are renamed, copied, or cannot be read."""

import json
import os
from collections.abc import Callable

import pytest
import yaml
from tests.operator.builders import destination, rate_source, threshold
from tests.operator.desk import Desk, spread


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


def test_hidden_files_and_other_suffixes_are_not_read(desk: Desk):
    desk.write_text(".secret.yaml", "spec: [")
    desk.write_text("README.md", "spec: [")
    desk.write_text("fx.yaml~", "spec: [")

    assert desk.step() is True
    assert desk.fx.sources == ()


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

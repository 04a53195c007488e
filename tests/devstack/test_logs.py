"""The merged log: whole lines under their process's name, JSON made readable."""

from pathlib import Path

from devstack.logs import LogFollower, readable


def test_only_new_and_finished_lines_come(tmp_path: Path) -> None:
    logs = {"wallet": tmp_path / "wallet.log", "fx": tmp_path / "fx.log"}
    follower = LogFollower(logs)
    assert list(follower.new_lines()) == []

    logs["wallet"].write_text("one\ntw")
    assert [line.plain for line in follower.new_lines()] == ["wallet │ one"]

    with logs["wallet"].open("a") as file:
        file.write("o\n")
    logs["fx"].write_text("three\n")
    assert [line.plain for line in follower.new_lines()] == ["wallet │ two", "fx     │ three"]


def test_a_json_line_becomes_time_level_message_and_fields() -> None:
    line = (
        '{"timestamp": "2026-11-24T06:25:29.123456Z", "level": "warning", "service": "fx",'
        ' "instance": "fx", "event": "rate is stale", "source": "ecb", "age_seconds": 61}'
    )

    assert readable(line).plain == "06:25:29 warning rate is stale source=ecb age_seconds=61"


def test_a_trace_stays_on_lines_of_its_own() -> None:
    line = '{"event": "unhandled error", "level": "error", "exception": "Traceback:\\n  here"}'

    assert readable(line).plain.endswith("unhandled error\nTraceback:\n  here")


def test_other_lines_stay_as_they_are() -> None:
    for line in ("INFO: started", "[1, 2]", '{"no": "event"}', "{broken"):
        assert readable(line).plain == line

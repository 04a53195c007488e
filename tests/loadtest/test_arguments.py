"""Nonsense on a command line of a measurement is refused in a line, before anything is started."""

import importlib
import re

import pytest

WRONG = {
    "loadtest.fairness.__main__": ("--clients", "--turns", "--seconds", "--warm-up"),
    "loadtest.changes": ("--changes", "--outage"),
    "loadtest.growth.__main__": ("--payments", "--seconds"),
    "loadtest.hpa_demo.__main__": ("--step-seconds", "--cooldown-seconds", "--at-least"),
    "loadtest.turns.__main__": (
        "--clients",
        "--rate",
        "--minutes",
        "--rounds",
        "--seconds",
        "--rest",
    ),
    "loadtest.webhooks.__main__": ("--dead", "--rate", "--seconds", "--rest"),
    "simulation.__main__": (
        *("--seed", "--first", "--seeds", "--hours", "--payments", "--troubles"),
        *("--cpu-seconds", "--jobs", "--shrink"),
    ),
}
CASES = [(module, option) for module, options in WRONG.items() for option in options]


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "soon", "", "1e99", "\u00b2"])
@pytest.mark.parametrize(("module", "option"), CASES)
def test_nonsense_is_one_line_and_a_code(
    module: str,
    option: str,
    text: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", [module, f"{option}={text}"])

    with pytest.raises(SystemExit, match="2"):
        importlib.import_module(module).main()

    *_, said = capsys.readouterr().err.splitlines()
    assert re.search(rf"argument {option}[-/a-z]*: a number ", said)

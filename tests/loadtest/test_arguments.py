"""Nonsense on a command line of a measurement is refused in a line, before anything is started."""

import importlib

import pytest

WRONG = {
    "loadtest.fairness.__main__": ("--clients", "--turns", "--seconds", "--warm-up"),
    "loadtest.growth.__main__": ("--payments", "--seconds"),
    "loadtest.turns.__main__": ("--clients", "--rate", "--turns", "--seconds", "--rest"),
    "loadtest.webhooks.__main__": ("--dead", "--rate", "--seconds", "--rest"),
}
CASES = [(module, option) for module, options in WRONG.items() for option in options]


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "soon", "", "1e99", "\u00b2"])
@pytest.mark.parametrize(("module", "option"), CASES)
def test_nonsense_is_one_line_and_a_code(
    module: str, option: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        importlib.import_module(module).main([f"{option}={text}"])

    *_, said = capsys.readouterr().err.splitlines()
    assert f"argument {option}: a number " in said

"""Changes of the primary under load: each is told, and what it all came to."""

import pytest

from loadtest.changes import main

pytestmark = pytest.mark.postgres


def test_each_change_is_a_line_and_nothing_is_lost(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--changes", "2", "--outage", "0.5"])

    _, _, killed, switched, _, said = capsys.readouterr().out.splitlines()
    assert killed.startswith("| killed | ")
    assert switched.startswith("| switched | ")
    assert said == "nothing was lost, nothing moved twice"

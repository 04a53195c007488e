"""The scripts of k6 go by the same rules as the replay: what is sent again, and how long."""

import json
import re
from pathlib import Path

from loadtest.client import RETRIED

SCRIPT = (Path(__file__).parents[2] / "loadtest" / "k6" / "gateway.js").read_text("utf-8")


def test_the_same_answers_are_asked_for_again() -> None:
    listed = re.search(r"RETRIED = (\[[\d, ]+\])", SCRIPT)

    assert listed
    # 0 is what k6 calls no answer at all.
    assert set(json.loads(listed[1])) == {0, *RETRIED}

"""What a merchant is told of risk's reasons: the rule and a fixed sentence.

What risk says itself quotes its limits and names its thresholds; whoever knows a limit stays just
below it. That is for the log, and for callers with the role `audit`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

SENTENCES: Mapping[str, str] = {
    "same_party": "source and destination are one account",
    "blocklist": "an account is on a blocklist",
    "new_account": "the source account is new",
    "amount": "the amount is above a limit",
    "velocity_count": "the source account attempted too many payments",
    "velocity_amount": "the source account attempted too much in a while",
    "exposure": "the merchant holds too much open across currencies",
    "missing_rate": "not every limit could be compared",
    "threshold": "the score reaches a mark",
}
"""By rule; a test holds them to risk's rules."""
_OTHER = "a rule found something"


def public_reasons(reasons: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return reasons as merchants see them."""
    return [{**r, "message": SENTENCES.get(str(r["rule"]), _OTHER)} for r in reasons]

"""How the commands read numbers: each is bounded, and anything else is refused in a line."""

import argparse
from collections.abc import Callable

MAX_COUNT = 10_000_000
MAX_SECONDS = 86_400


def count_from(least: int) -> Callable[[str], int]:
    """Return what reads a whole number of at least so many, for argparse."""

    def count_in(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= MAX_COUNT:
            raise argparse.ArgumentTypeError(f"a number from {least} to {MAX_COUNT}")
        return int(text)

    return count_in


def amount_in(text: str) -> float:
    """Read how many seconds, or how many a second, above 0 and up to 86,400; for argparse."""
    try:
        amount = float(text)
    except ValueError:
        amount = 0.0
    if not 0 < amount <= MAX_SECONDS:
        raise argparse.ArgumentTypeError(f"a number above 0 and up to {MAX_SECONDS}")
    return amount

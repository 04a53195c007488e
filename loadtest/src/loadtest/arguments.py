"""How the commands read numbers: each is bounded, and anything else is refused in a line."""

import argparse
from collections.abc import Callable

MAX_COUNT = 10_000_000
MAX_SECONDS = 86_400


def count_from(least: int, most: int = MAX_COUNT) -> Callable[[str], int]:
    """Return what reads a whole number from `least` to `most`, for argparse."""

    def count_in(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"a number from {least} to {most}")
        return int(text)

    return count_in


def amount_to(most: float) -> Callable[[str], float]:
    """Return what reads an amount above 0 and up to `most`, for argparse."""

    def read_amount(text: str) -> float:
        try:
            amount = float(text)
        except ValueError:
            amount = 0.0
        if not 0 < amount <= most:
            raise argparse.ArgumentTypeError(f"a number above 0 and up to {most}")
        return amount

    return read_amount


amount_in = amount_to(MAX_SECONDS)
"""Reads how many seconds, or how many a second."""

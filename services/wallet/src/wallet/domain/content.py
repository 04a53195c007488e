"""Reads and compares the canonical content of transfers."""

import json
from collections.abc import Iterable
from typing import Any

from wallet.domain.transfers import Posting, Record


def postings_of(record: Record) -> list[Posting]:
    """Return the postings that a stored transfer asked for."""
    return [
        Posting(p["account_id"], p["currency"], p["amount_minor"])
        for p in json.loads(record.content).get("postings", ())
    ]


def posting_content(postings: Iterable[Posting]) -> list[dict[str, str | int]]:
    """Return postings as a content writes them; `postings_of` reads them back."""
    return [
        {"account_id": p.account_id, "currency": p.currency, "amount_minor": p.amount}
        for p in postings
    ]


def first_difference(stored: str, asked: str) -> str | None:
    """Return the first field in which two contents differ, such as `postings.1.amount_minor`.

    None when they say the same, whatever the order of their keys.
    """
    if stored == asked:
        return None
    return _difference(json.loads(stored), json.loads(asked), "")


def _difference(stored: Any, asked: Any, path: str) -> str | None:
    if isinstance(stored, dict) and isinstance(asked, dict):
        for name in [*asked, *(n for n in stored if n not in asked)]:
            found = _difference(stored.get(name), asked.get(name), f"{path}{name}.")
            if found:
                return found
        return None
    if isinstance(stored, list) and isinstance(asked, list) and len(stored) == len(asked):
        for index, (old, new) in enumerate(zip(stored, asked, strict=True)):
            found = _difference(old, new, f"{path}{index}.")
            if found:
                return found
        return None
    return None if stored == asked else path.rstrip(".")

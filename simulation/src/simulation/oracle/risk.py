"""Promises about risk: decisions repeat, limits are those in force, velocity counts what it must.

A window of W seconds is kept in buckets of a twelfth of it, and reaches back at most one bucket too
far. What one batch decided was decided at one moment, in an order that nobody stored: a count lies
between what came before the batch and what came before its end.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from simulation.documents import WINDOW_SECONDS, Edition
from simulation.oracle.files import beside
from simulation.oracle.promise import BrokenPromise

_WIDTH = -(-WINDOW_SECONDS // 12)
_KEPT_SECONDS = _WIDTH * 13
Row = dict[str, Any]


class RiskOracle:
    """Reads the database of risk beside it. `editions` are the revisions' editions."""

    def __init__(self, file: Path, editions: Mapping[str, Edition]) -> None:
        self._connection = beside(file)
        self._editions = editions

    def at_end(self, payments: Mapping[str, Mapping[str, Any]], now: int) -> None:
        """Hold decisions and counters to their promises; raises BrokenPromise."""
        decided = self._decisions()
        self._are_what_payments_say(decided, payments)
        self._amounts_are_within_limits(decided)
        self._attempts_are_counted(decided, now)
        self._counts_decide(decided)

    def close(self) -> None:
        """Let go of the database."""
        self._connection.close()

    def _decisions(self) -> list[Row]:
        # In the order of their commits: rows are added, and never removed.
        found = []
        for row in map(dict, self._connection.execute("SELECT * FROM decisions ORDER BY rowid")):
            inputs = json.loads(row["inputs"])
            found.append({**row, **inputs, "rules": _rules(row["reasons"])})
        return found

    def _are_what_payments_say(
        self, decided: list[Row], payments: Mapping[str, Mapping[str, Any]]
    ) -> None:
        by_id = {row["payment_id"].partition(":")[2]: row for row in decided}
        for payment_id, payment in payments.items():
            if not payment["risk"]:
                continue
            said, row = json.loads(payment["risk"]), by_id.get(payment_id)
            if row is None or (said["decision"], said["config_revision"]) != (
                row["outcome"], row["config_revision"],
            ):  # fmt: skip
                raise BrokenPromise("risk decisions repeat", f"{payment_id}: {said}, {row}")

    def _amounts_are_within_limits(self, decided: list[Row]) -> None:
        for row in decided:
            edition = self._editions[row["config_revision"]]
            if row["currency"] != "USD":
                continue
            wanted = "approve"
            if row["amount_minor"] > edition.decline_above_minor:
                wanted = "decline"
            elif row["amount_minor"] > edition.review_above_minor:
                wanted = "review"
            strictness = ("approve", "review", "decline")
            if strictness.index(row["outcome"]) < strictness.index(wanted):
                raise BrokenPromise("risk holds to its limits", f"{row}")

    def _attempts_are_counted(self, decided: list[Row], now: int) -> None:
        """Each attempt stands in the bucket of its moment, once, until no window reaches it."""
        wanted: Counter[tuple[str, str, int]] = Counter()
        for row in decided:
            wanted[_account(row), row["currency"], _bucket(row["decided_at"])] += 1
        query = (
            "SELECT account, currency, bucket_start, attempts FROM velocity WHERE bucket_width_s=?"
        )
        stored = {tuple(r)[:3]: r[3] for r in self._connection.execute(query, (_WIDTH,))}
        for key, attempts in wanted.items():
            gone = key[2] + _KEPT_SECONDS < now // 1_000_000 + 10
            if stored.pop(key, attempts if gone else 0) != attempts:
                raise BrokenPromise("velocity counts each attempt once", f"{key}: {attempts}")
        if stored:
            raise BrokenPromise("velocity counts attempts only", f"{stored}")

    def _counts_decide(self, decided: list[Row]) -> None:
        buckets: Counter[tuple[str, int]] = Counter()
        for batch in _batches(decided):
            after = buckets + Counter((_account(r), _bucket(r["decided_at"])) for r in batch)
            for row in batch:
                most = self._editions[row["config_revision"]].most_attempts
                # A replica whose clock is ahead may have removed the oldest bucket.
                least_seen = _use(buckets, row, reaching=WINDOW_SECONDS - _WIDTH) + 1
                most_seen = _use(after, row, reaching=WINDOW_SECONDS)
                found = "velocity_count" in row["rules"]
                if (found and most_seen <= most) or (not found and least_seen > most):
                    seen = f"{row['payment_id']}: {least_seen} to {most_seen} of {most}"
                    raise BrokenPromise("velocity decides by what it counted", seen)
            buckets = after


def _batches(decided: list[Row]) -> Iterator[list[Row]]:
    for _, rows in groupby(decided, key=lambda row: (row["decided_at"], row["config_revision"])):
        yield list(rows)


def _use(buckets: Mapping[tuple[str, int], int], row: Row, *, reaching: int) -> int:
    """Return the attempts of its account in the buckets of so many seconds before this one."""
    oldest = _bucket(row["decided_at"] - reaching * 1_000_000)
    return sum(
        count
        for (account, start), count in buckets.items()
        if account == _account(row) and start >= oldest
    )


def _account(row: Row) -> str:
    return f"{row['merchant']}:{row['source_account']}"


def _bucket(micros: int) -> int:
    seconds = micros // 1_000_000
    return seconds - seconds % _WIDTH


def _rules(reasons: str) -> set[str]:
    return {reason["rule"] for reason in json.loads(reasons)}

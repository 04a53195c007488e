"""Promises about payments: what each moved, what its clients were told, and how it came to its end.

The model is arithmetic on the payment's own terms: source pays `captured - refunded`; destination
gets the mid rate less the spread, rounded down, in parts in proportion, and gives back in parts
rounded up, so that parts add up to the whole (docs/api.md, "Refunds").
"""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from simulation.oracle.promise import BrokenPromise

DECIMALS = {"USD": 2, "IDR": 2, "JPY": 0, "BHD": 3}
MOVES: dict[str | None, set[str]] = {
    None: {"RECEIVED"},
    "RECEIVED": {"CAPTURED", "AUTHORIZED", "REVIEW", "FAILED"},
    "AUTHORIZED": {"CAPTURED", "VOIDED", "EXPIRED"},
    "REVIEW": {"CAPTURED", "FAILED"},
    "CAPTURED": {"PARTIALLY_REFUNDED", "REFUNDED"},
    "PARTIALLY_REFUNDED": {"PARTIALLY_REFUNDED", "REFUNDED"},
}
"""As docs/api.md and the design describe them."""


class PaymentOracle:
    """Reads the database of payments beside it."""

    def __init__(self, file: Path) -> None:
        self._connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True, isolation_level=None)
        self._connection.row_factory = sqlite3.Row

    def payments(self) -> dict[str, sqlite3.Row]:
        """Return every payment by its id."""
        rows = self._connection.execute("SELECT * FROM payments").fetchall()
        return {row["payment_id"]: row for row in rows}

    def at_end(self) -> None:
        """Hold operations, events and refunds to their promises; raises BrokenPromise."""
        self._everything_ended()
        self._events_lead_from_state_to_state()
        for row in self.payments().values():
            if not 0 <= row["refunded_amount"] <= row["captured_amount"] <= row["amount"]:
                raise BrokenPromise("refunds never exceed the capture", f"{dict(row)}")

    def moved(self) -> dict[tuple[str, str], int]:
        """Return what all payments together did to each account, by account and currency."""
        total: dict[tuple[str, str], int] = defaultdict(int)
        for row in self.payments().values():
            captured, refunded = row["captured_amount"], row["refunded_amount"]
            if not captured:
                continue
            total[row["source_account"], row["currency"]] -= captured - refunded
            got = _part(_arrives(row), captured, row["amount"])
            back = -(-got * refunded // captured)
            currency = row["destination_currency"] or row["currency"]
            total[row["destination_account"], currency] += got - back
        return total

    def events(self) -> list[tuple[int, str, str]]:
        """Return sequence, payment and new status of every event."""
        query = "SELECT sequence, uid, to_status FROM payment_events ORDER BY sequence"
        return [
            (row[0], row[1].rpartition(":")[2], row[2]) for row in self._connection.execute(query)
        ]

    def close(self) -> None:
        """Let go of the database."""
        self._connection.close()

    def _everything_ended(self) -> None:
        rows = self._connection.execute(
            "SELECT operation_id, attempts FROM operations WHERE answer IS NULL"
        ).fetchall()
        if rows:
            raise BrokenPromise("every operation ends", f"{[tuple(r) for r in rows[:5]]}")
        rows = self._connection.execute(
            "SELECT payment_id, status, active_operation FROM payments "
            "WHERE status = 'RECEIVED' OR active_operation IS NOT NULL"
        ).fetchall()
        if rows:
            raise BrokenPromise("every payment ends", f"{[tuple(r) for r in rows[:5]]}")

    def _events_lead_from_state_to_state(self) -> None:
        state: dict[str, str | None] = {}
        for row in self._connection.execute("SELECT * FROM payment_events ORDER BY sequence"):
            before = state.get(row["uid"])
            legal = row["from_status"] == before and row["to_status"] in MOVES.get(before, ())
            if not legal:
                raise BrokenPromise(
                    "events lead from state to state", f"{dict(row)} after {before}"
                )
            state[row["uid"]] = row["to_status"]
        for row in self._connection.execute("SELECT uid, status FROM payments"):
            if state.get(row["uid"]) != row["status"]:
                raise BrokenPromise("the last event is the state", f"{dict(row)}")


def check_told(
    asked: Mapping[str, Any], payments: Mapping[str, sqlite3.Row], quotes: Mapping[str, Any]
) -> None:
    """Hold each payment to what its clients were told of it; raises BrokenPromise."""
    for name, request in asked.items():
        kind, _, number = name.partition(" ")
        if kind != "pay" or not request.answers:
            continue
        payment_id = number if number.startswith("q") else f"p{number}"
        row, told = payments.get(payment_id), json.loads(request.answers[0][1])
        if row is None:
            raise BrokenPromise("an acknowledged payment exists", payment_id)
        if row["status"] not in _reachable(told["status"]):
            seen = f"{payment_id}: told {told['status']}, is {row['status']}"
            raise BrokenPromise("an acknowledged payment stays what it was", seen)
        if told["status"] == "FAILED" and row["captured_amount"]:
            raise BrokenPromise("a refused payment moves nothing", payment_id)
        quote = quotes.get(payment_id.replace("q", "p"))
        if quote and row["captured_amount"] and row["exchange"]:
            exchange = json.loads(row["exchange"])
            if exchange["quote_id"] != quote["quote_id"] or Fraction(exchange["rate"]) != Fraction(
                quote["rate"]
            ):
                raise BrokenPromise(
                    "a payment goes at the rate of its quote", f"{payment_id}: {exchange}, {quote}"
                )


def _reachable(status: str) -> set[str]:
    found = {status}
    while more := {m for s in found for m in MOVES.get(s, ())} - found:
        found |= more
    return found


def _arrives(row: sqlite3.Row) -> int:
    """Return what the whole payment buys, in minor units: rounded in the house's favour."""
    if not row["exchange"]:
        return int(row["amount"])
    exchange = json.loads(row["exchange"])
    legs = Fraction(exchange["rate"])
    spread = Fraction(exchange["mid"]) * (10_000 - exchange["spread_bps"]) / 10_000
    if legs > spread * (1 + Fraction(1, 10**9)):
        raise BrokenPromise(
            "the rate is the mid less the spread", f"{row['payment_id']} {exchange}"
        )
    scale = Fraction(10) ** (DECIMALS[row["destination_currency"]] - DECIMALS[row["currency"]])
    return int(row["amount"] * legs * scale // 1)


def _part(whole: int, part: int, of: int) -> int:
    return whole if part == of else whole * part // of

"""Promises about payments: what each came to, what its clients were told, what its events say."""

import json
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from simulation.oracle.files import beside
from simulation.oracle.promise import BrokenPromise
from simulation.oracle.terms import DECIMALS, Moves, expected, expected_back

Row = dict[str, Any]
MOVES: dict[str | None, set[str]] = {
    None: {"RECEIVED"},
    "RECEIVED": {"CAPTURED", "AUTHORIZED", "REVIEW", "FAILED"},
    "AUTHORIZED": {"CAPTURED", "VOIDED", "EXPIRED"},
    "REVIEW": {"CAPTURED", "FAILED"},
    "CAPTURED": {"PARTIALLY_REFUNDED", "REFUNDED"},
    "PARTIALLY_REFUNDED": {"PARTIALLY_REFUNDED", "REFUNDED"},
}
"""As docs/api.md and the design describe them."""
_APART_MICROS = 2_000_000
"""How far clocks are apart that nobody has set wrong: they go at rates of their own."""
_LONGEST_COMMIT_MICROS = 1_000_000
"""How much later than its lease of eight seconds ends a takeover is committed at most."""
_HELD = {"AUTHORIZED", "REVIEW"}


def own(account: str) -> str:
    """Return an account's name as its merchant calls it."""
    return account.rpartition("/")[2]


class PaymentOracle:
    """Reads the database of payments beside it."""

    def __init__(self, file: Path) -> None:
        self._connection = beside(file)
        self._driven: dict[str, tuple[int, int, object]] = {}

    def payments(self) -> dict[str, Row]:
        """Return every payment by its id, accounts as its merchant calls them."""
        found = {}
        for row in map(dict, self._connection.execute("SELECT * FROM payments")):
            for side in ("source_account", "destination_account"):
                row[side] = own(row[side])
            found[row["payment_id"]] = row
        return found

    def operations(self) -> list[Row]:
        """Return every operation, with the id of its payment."""
        rows = self._connection.execute("SELECT * FROM operations ORDER BY operation_id")
        return [{**dict(row), "payment_id": row["uid"].partition(":")[2]} for row in rows]

    def at_commit(self, by: object, now: int, *, clocks_agree: bool) -> None:
        """Hold what is under way to its promises; `now` is what right clocks say (micros).

        Raises BrokenPromise. Leases are held to the time only where clocks agree about it, and
        bind others: who drives an operation may give it back, and take it up again, before.
        """
        # By the index of leases: the table holds that each open operation has one.
        query = (
            "SELECT operation_id, uid, attempts, lease_until FROM operations "
            "WHERE lease_until IS NOT NULL"
        )
        under_way: dict[str, str] = {}
        for name, uid, attempts, lease in self._connection.execute(query):
            if uid in under_way:
                seen = f"{under_way[uid]} and {name}"
                raise BrokenPromise("one operation at a time works on a payment", seen)
            under_way[uid] = name
            known, before, driver = self._driven.get(name, (attempts, lease, by))
            if attempts != known and clocks_agree:
                seen = f"{name}: attempt {attempts} until {lease}, before until {before}, at {now}"
                if before > now + _APART_MICROS and driver is not by:
                    raise BrokenPromise("nobody takes over what still runs", seen)
                if lease < now - _LONGEST_COMMIT_MICROS:
                    raise BrokenPromise("who takes over has a lease of his own", seen)
            taken = attempts != known or name not in self._driven
            self._driven[name] = (attempts, lease, by if taken else driver)

    def at_end(self) -> None:
        """Hold operations, events and refunds to their promises; raises BrokenPromise."""
        self._everything_ended()
        self._events_lead_from_state_to_state()
        self._no_refund_began_in_vain()
        for row in self.payments().values():
            if not 0 <= row["refunded_amount"] <= row["captured_amount"] <= row["amount"]:
                raise BrokenPromise("refunds never exceed the capture", f"{row}")

    def expected_moves(self) -> dict[str, Moves]:
        """Return what the ledger has to hold, by transfer: one for each operation that moved."""
        payments, moves = self.payments(), {}
        refunds: dict[str, list[tuple[str, Row]]] = {}
        for operation in self.operations():
            row, answer = payments[operation["payment_id"]], _said(operation)
            if operation["answer_status"] != 200:
                continue
            name = operation["operation_id"]
            if operation["kind"] == "refund":
                refunds.setdefault(row["payment_id"], []).append((name, answer))
            elif answer["status"] == "CAPTURED":
                moves[name] = expected(row, row["captured_amount"])
        for payment_id, made in refunds.items():
            moves.update(_refund_moves(payments[payment_id], made))
        return moves

    def events(self) -> list[tuple[int, str, str]]:
        """Return sequence, payment and new status of every event of a payment."""
        query = (
            "SELECT sequence, uid, to_status FROM payment_events WHERE cause <> 'deposit' "
            "ORDER BY sequence"
        )
        return [
            (row[0], row[1].rpartition(":")[2], row[2]) for row in self._connection.execute(query)
        ]

    def is_quiet(self) -> bool:
        """Whether no operation is under way and no payment is held."""
        query = (
            "SELECT EXISTS (SELECT 1 FROM operations WHERE answer IS NULL) OR EXISTS "
            "(SELECT 1 FROM payments WHERE status IN ('RECEIVED', 'AUTHORIZED', 'REVIEW'))"
        )
        return not self._connection.execute(query).fetchone()[0]

    def close(self) -> None:
        """Let go of the database."""
        self._connection.close()

    def _everything_ended(self) -> None:
        self._none(
            "every operation ends",
            "SELECT operation_id, attempts FROM operations WHERE answer IS NULL",
        )
        self._none(
            "no lease outlives its operation",
            "SELECT operation_id, lease_until FROM operations "
            "WHERE answer IS NOT NULL AND lease_until IS NOT NULL",
        )
        self._none(
            "every payment ends",
            "SELECT payment_id, status, active_operation FROM payments "
            "WHERE status = 'RECEIVED' OR active_operation IS NOT NULL",
        )
        self._none(
            "nothing is held for ever",
            "SELECT payment_id, status, hold_expires_at FROM payments "
            "WHERE status IN ('AUTHORIZED', 'REVIEW') OR hold_expires_at IS NOT NULL",
        )
        self._none("no transfer is without a payment", "SELECT * FROM unknown_transfers")

    def _no_refund_began_in_vain(self) -> None:
        for operation in self.operations():
            if operation["kind"] != "refund" or operation["answer_status"] != 400:
                continue
            paid = _said(operation)["payment"]
            decimals = DECIMALS[paid["currency"]]
            left = Fraction(paid["captured_amount"]) - Fraction(paid["refunded_amount"])
            if operation["amount"] > left * 10**decimals:
                raise BrokenPromise("more than is left is never begun to refund", f"{paid}")

    def _none(self, promise: str, query: str) -> None:
        rows = self._connection.execute(query).fetchall()
        if rows:
            raise BrokenPromise(promise, f"{[tuple(row) for row in rows[:5]]}")

    def _events_lead_from_state_to_state(self) -> None:
        state: dict[str, str | None] = {}
        rows = self._connection.execute("SELECT * FROM payment_events ORDER BY sequence")
        for number, row in enumerate(rows, start=1):
            if row["sequence"] != number:
                raise BrokenPromise("events have no gaps", f"{number} is {dict(row)}")
            if row["cause"] == "deposit":
                continue
            before = state.get(row["uid"])
            leads = row["to_status"] in MOVES.get(before, ())
            # A refund that failed is told, and leaves the payment as it was.
            stays = row["to_status"] == before and row["cause"] == "refused"
            if row["from_status"] != before or not (leads or stays):
                raise BrokenPromise(
                    "events lead from state to state", f"{dict(row)} after {before}"
                )
            state[row["uid"]] = row["to_status"]
        self._none(
            "each refund has its event",
            "SELECT o.operation_id FROM operations o WHERE o.kind = 'refund' AND o.answer IS NOT "
            "NULL AND 1 <> (SELECT count(*) FROM payment_events e WHERE e.uid = o.uid AND "
            "e.operation_id = o.operation_id AND "
            "(e.cause = 'refused') = (o.answer_status <> 200))",
        )
        for row in self._connection.execute("SELECT uid, status FROM payments"):
            if state.get(row["uid"]) != row["status"]:
                raise BrokenPromise("the last event is the state", f"{dict(row)}")


def check_told(asked: Mapping[str, Any], oracle: PaymentOracle, quotes: Mapping[str, Any]) -> None:
    """Hold what is stored to what clients were told; raises BrokenPromise."""
    payments = oracle.payments()
    done = {(o["kind"], o["payment_id"]): o for o in oracle.operations() if o["kind"] != "refund"}
    refunds = {o["idempotency"].rpartition(":")[2]: o for o in oracle.operations()}
    for name, request in asked.items():
        kind, payment_id = _named(name)
        if not request.answers or kind == "deposit":
            continue
        told = json.loads(request.answers[0][1])
        operation = refunds.get(request.key) if request.key else done.get((kind, payment_id))
        row = payments.get(payment_id)
        if row is None or operation is None:
            raise BrokenPromise("what was acknowledged exists", name)
        stored = _said(operation)
        for field in ("status", "captured_amount", "refund_id", "destination_amount", "rate"):
            if told.get(field) != stored.get(field):
                seen = f"{name}: {field} told {told.get(field)}, stored {stored.get(field)}"
                raise BrokenPromise("what was told is what is stored", seen)
        if kind == "pay":
            _check_payment(row, told, quotes.get(payment_id.replace("q", "p")))


def _check_payment(row: Row, told: Mapping[str, Any], quote: Mapping[str, Any] | None) -> None:
    payment_id = row["payment_id"]
    if row["status"] not in _reachable(told["status"]):
        seen = f"{payment_id}: told {told['status']}, is {row['status']}"
        raise BrokenPromise("an acknowledged payment stays what it was", seen)
    if told["status"] == "FAILED" and row["captured_amount"]:
        raise BrokenPromise("a refused payment moves nothing", payment_id)
    if told["status"] in _HELD and told["hold_expires_at"] is None:
        raise BrokenPromise("a held payment says until when", f"{told}")
    if told["status"] == "CAPTURED" and told["captured_amount"] != told["amount"]:
        raise BrokenPromise("a payment is captured whole", f"{told}")
    if quote and row["captured_amount"] and row["exchange"]:
        exchange = json.loads(row["exchange"])
        same_rate = Fraction(exchange["rate"]) == Fraction(quote["rate"])
        if exchange["quote_id"] != quote["quote_id"] or not same_rate:
            raise BrokenPromise(
                "a payment goes at the rate of its quote", f"{payment_id}: {exchange}, {quote}"
            )


def _refund_moves(row: Row, made: list[tuple[str, Row]]) -> Iterator[tuple[str, Moves]]:
    """Yield each refund's moves, in the order in which they were made."""
    decimals = DECIMALS[row["currency"]]

    def minor(text: str) -> int:
        return int(Fraction(text) * 10**decimals)

    for name, answer in sorted(made, key=lambda r: minor(r[1]["payment"]["refunded_amount"])):
        after, amount = minor(answer["payment"]["refunded_amount"]), minor(answer["amount"])
        yield name, expected_back(row, after - amount, amount, answer)


def _said(operation: Row) -> Row:
    answer: Row = json.loads(operation["answer"]) if operation["answer"] else {}
    return answer


def _named(name: str) -> tuple[str, str]:
    """Return what a client's request did, and the payment it was about."""
    kind, _, rest = name.partition(" ")
    number = rest.partition(" ")[0]
    return kind, number if number.startswith("q") else f"p{number}"


def _reachable(status: str) -> set[str]:
    found = {status}
    while more := {m for s in found for m in MOVES.get(s, ())} - found:
        found |= more
    return found

"""What the gateway says and what its databases hold, read after everything has settled."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text
from tests.crash.client import Client, direct_target
from tests.crash.workload import Plan

from devstack import Stack
from kurs.data.database import Database

Row = Mapping[str, Any]


@dataclass(slots=True)
class Evidence:
    """Answers of the public API by payment and account, and the rows of three databases.

    `payments` has None where the API knows no such payment. Rows are those of the whole gateway,
    other rounds included.
    """

    payments: dict[str, dict[str, Any] | None]
    balances: dict[str, list[dict[str, Any]]]
    trial_balance: list[dict[str, Any]]
    transfers: Sequence[Row]
    postings: Sequence[Row]
    holds: Sequence[Row]
    positions: Sequence[Row]
    payment_rows: Sequence[Row]
    operations: Sequence[Row]
    events: Sequence[Row]
    decisions: Sequence[Row]


# As their merchant names them.
_ACCOUNT = "replace(account_id, 'demo/', '') AS account_id"
_LEDGER = {
    "transfers": "SELECT transfer_id, kind, status, code, hold_id, quote_id, created_at "
    "FROM transfers",
    "postings": f"SELECT transfer_id, {_ACCOUNT}, currency, amount FROM postings",
    "holds": f"SELECT hold_id, {_ACCOUNT}, currency, amount, state, expires_at, closed_by "
    "FROM holds",
    "positions": f"SELECT {_ACCOUNT}, currency, posted, held, kind "
    "FROM balances JOIN accounts USING (account_id)",
}
_PAYMENTS = {
    "payment_rows": "SELECT uid, payment_id, status, active_operation FROM payments",
    "operations": "SELECT operation_id, uid, kind, lease_until, attempts, answer_status "
    "FROM operations",
    "events": "SELECT uid, from_status, to_status FROM payment_events ORDER BY sequence",
}
_RISK = {"decisions": "SELECT payment_id, outcome FROM decisions"}


async def gather_evidence(stack: Stack, client: Client, plan: Plan) -> Evidence:
    """Ask about every payment and account of the plan, and read the databases.

    Payments as their merchant sees them, who was told no more: not with the role `audit`.
    """
    merchant = Client([direct_target(stack, "payments", ["read"])], client.history, limit=8)
    payments: dict[str, dict[str, Any] | None] = {}
    balances: dict[str, list[dict[str, Any]]] = {}
    waiting = iter([*(job.payment_id for job in plan.jobs), *plan.accounts])

    async def ask() -> None:
        for name in waiting:
            if name in plan.accounts:
                reply = await client.until_taken("GET", f"/balance/{name}")
                balances[name] = reply.document()["balances"]
            else:
                reply = await merchant.until_taken("GET", f"/payments/{name}", may_be=(200, 404))
                payments[name] = reply.document() if reply.status == 200 else None

    async with merchant:
        await asyncio.gather(*(ask() for _ in range(8)))
    trial = await client.until_taken("GET", "/ledger/trial-balance")
    ledger, kept, decided = await asyncio.gather(
        read_rows(stack, "wallet", _LEDGER),
        read_rows(stack, "payments", _PAYMENTS),
        read_rows(stack, "risk", _RISK),
    )
    currencies = trial.document()["currencies"]
    return Evidence(payments, balances, currencies, **ledger, **kept, **decided)


async def unfinished(stack: Stack, plan: Plan, *, holds: bool) -> list[str]:
    """Return what of the round still goes on: operations, and with `holds` what is held."""
    kept = await read_rows(stack, "payments", _PAYMENTS)
    names = [row["operation_id"] for row in kept["operations"] if row["lease_until"] is not None]
    if holds:
        ledger = await read_rows(stack, "wallet", {"holds": _LEDGER["holds"]})
        names += [row["hold_id"] for row in ledger["holds"] if row["state"] == "held"]
        waiting = ("AUTHORIZED", "REVIEW")
        names += [row["uid"] for row in kept["payment_rows"] if row["status"] in waiting]
    own = f":{plan.name}-"
    return [name for name in names if own in name]


async def read_rows(stack: Stack, service: str, queries: Mapping[str, str]) -> dict[str, list[Row]]:
    """Return the rows of several queries, all seen in one transaction of a service's database."""

    def work(connection: Connection) -> dict[str, list[Row]]:
        return {
            name: [dict(row) for row in connection.execute(text(query)).mappings()]
            for name, query in queries.items()
        }

    database = Database.open(stack.database_url(service))
    try:
        return await database.read(work)
    finally:
        await database.close()

"""The part of the verdict that reads the ledger: sums, balances, holds, each payment's share."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from tests.crash.evidence import Evidence, Row
from tests.crash.expectation import Net, captured_net, minor, nonzero, refunded_net
from tests.crash.workload import Plan


class LedgerRows:
    """The ledger's rows by what they are looked up by."""

    def __init__(self, evidence: Evidence) -> None:
        self.postings: dict[str, list[Row]] = defaultdict(list)
        for row in evidence.postings:
            self.postings[row["transfer_id"]].append(row)
        self.by_owner: dict[str, list[Row]] = defaultdict(list)
        for row in evidence.transfers:
            self.by_owner[owner(row["transfer_id"])].append(row)
        self.created_at = {row["transfer_id"]: row["created_at"] for row in evidence.transfers}
        self.holds = {row["hold_id"]: row for row in evidence.holds}

    def net(self, *transfer_ids: str) -> Net:
        """Return what transfers moved, in minor units by account and currency."""
        net: Net = Counter()
        for transfer_id in transfer_ids:
            for row in self.postings[transfer_id]:
                net[row["account_id"], row["currency"]] += row["amount"]
        return net


def owner(transfer_id: str) -> str:
    """Return the `merchant:id` that a transfer's id names: of a payment or a deposit.

    The wallet's own expiry of a hold is named `expire:pay:<merchant>:<id>`.
    """
    parts = transfer_id.removeprefix("expire:pay:").split(":")
    return ":".join(parts if transfer_id.startswith("expire:pay:") else parts[1:3])


def judge_ledger(plan: Plan, evidence: Evidence, ledger: LedgerRows) -> Iterator[str]:
    """Yield what is wrong with the ledger as a whole, and with the accounts of the plan."""
    yield from _judge_sums(evidence, ledger)
    yield from _judge_positions(evidence)
    yield from _judge_owners(plan, ledger)
    yield from _judge_balances(plan, evidence)
    used = Counter(
        row["quote_id"]
        for row in evidence.transfers
        if row["quote_id"] is not None and row["status"] == "applied"
    )
    for quote_id, times in used.items():
        if times > 1:
            yield f"quote {quote_id} was used {times} times"


def judge_transfers(
    uid: str, payment: dict[str, Any], refunds: Sequence[int], ledger: LedgerRows
) -> Iterator[str]:
    """Yield what is wrong with a payment's transfers and its hold.

    `refunds` are the amounts of the acknowledged refunds, in minor units.
    """
    moving = [
        row["transfer_id"]
        for row in ledger.by_owner[uid]
        if row["status"] == "applied" and ledger.postings[row["transfer_id"]]
    ]
    giving = [name for name in moving if name.startswith("refund:")]
    taking = [name for name in moving if name not in giving]
    taken = minor(payment["captured_amount"], payment["currency"]) > 0
    expected = [_taking_transfer(uid, payment)] if taken else []
    if taking != expected:
        yield f"is {payment['status']}: {expected} must have moved its money, and {taking} did"
    source = payment["source_account"], payment["currency"]
    given = sorted(ledger.net(name)[source] for name in giving)
    if given != sorted(refunds):
        yield f"gave back {given}, acknowledged were {sorted(refunds)}"
    promised = captured_net(payment)
    promised.update(refunded_net(payment))
    if nonzero(ledger.net(*moving)) != nonzero(promised):
        yield f"moved {nonzero(ledger.net(*moving))}, told was {nonzero(promised)}"
    yield from _judge_hold(uid, expected, ledger)


def _taking_transfer(uid: str, payment: dict[str, Any]) -> str:
    if payment["risk"]["decision"] == "review":
        return f"approve:{uid}"
    return f"{'capture' if payment['capture'] == 'manual' else 'pay'}:{uid}"


def _judge_hold(uid: str, taken_by: list[str], ledger: LedgerRows) -> Iterator[str]:
    hold = ledger.holds.get(f"pay:{uid}")
    if hold is None:
        if taken_by and not taken_by[0].startswith("pay:"):
            yield f"was taken by {taken_by} without a hold"
        return
    closed_by, expires_at = hold["closed_by"], hold["expires_at"]
    if hold["state"] == "held":
        yield f"its hold outlives its expiry at {expires_at}"
    elif (hold["state"] == "captured") != bool(taken_by) or (taken_by and closed_by != taken_by[0]):
        yield f"its hold was {hold['state']} by {closed_by}, its money was taken by {taken_by}"
    elif (hold["state"] == "expired") != (ledger.created_at[closed_by] >= expires_at):
        moment = ledger.created_at[closed_by]
        yield f"its hold until {expires_at} was {hold['state']} at {moment} by {closed_by}"


def _judge_sums(evidence: Evidence, ledger: LedgerRows) -> Iterator[str]:
    for row in evidence.trial_balance:
        if float(row["sum"]) != 0:
            yield f"the trial balance of {row['currency']} is {row['sum']}"
    totals: Counter[str] = Counter()
    for transfer_id, rows in ledger.postings.items():
        own: Counter[str] = Counter()
        for row in rows:
            own[row["currency"]] += row["amount"]
        totals.update(own)
        if any(own.values()):
            yield f"transfer {transfer_id} does not sum to zero: {dict(own)}"
    if any(totals.values()):
        yield f"the postings do not sum to zero: {dict(totals)}"


def _judge_positions(evidence: Evidence) -> Iterator[str]:
    """Hold the balances to the postings and the open holds, and customers to zero or above."""
    posted: Net = Counter()
    held: Net = Counter()
    for row in evidence.postings:
        posted[row["account_id"], row["currency"]] -= row["amount"]
    for row in evidence.holds:
        if row["state"] == "held":
            held[row["account_id"], row["currency"]] -= row["amount"]
    for row in evidence.positions:
        key = row["account_id"], row["currency"]
        posted[key] += row["posted"]
        held[key] += row["held"]
        if row["kind"] == "customer" and row["posted"] - row["held"] < 0:
            yield f"{key[0]} is below zero: {row['posted']} {key[1]}, {row['held']} held"
    for (account, currency), amount in nonzero(posted).items():
        yield f"{account} has {amount} {currency} more than its postings"
    for (account, currency), amount in nonzero(held).items():
        yield f"{account} has {amount} {currency} more held than its holds"


def _judge_owners(plan: Plan, ledger: LedgerRows) -> Iterator[str]:
    known = {job.payment_id for job in plan.jobs} | {"-".join(key) for key in plan.funds}
    for name, rows in ledger.by_owner.items():
        own = name.rpartition(":")[2]
        if own.startswith(f"{plan.name}-") and own not in known:
            yield f"{own} was never asked for and has {[row['transfer_id'] for row in rows]}"


def _judge_balances(plan: Plan, evidence: Evidence) -> Iterator[str]:
    """Hold the accounts to the money put in and the payments as their callers know them."""
    expected: Net = Counter(plan.funds)
    for payment in evidence.payments.values():
        if payment is not None:
            expected.update(captured_net(payment))
            expected.update(refunded_net(payment))
    for account in plan.accounts:
        has = {b["currency"]: minor(b["total"], b["currency"]) for b in evidence.balances[account]}
        for currency in {c for a, c in expected if a == account} | has.keys():
            wanted = expected[account, currency]
            if has.get(currency, 0) != wanted:
                yield f"{account} has {has.get(currency, 0)} {currency} and must have {wanted}"
        for balance in evidence.balances[account]:
            if float(balance["held"]) != 0:
                yield f"{account} has {balance['held']} {balance['currency']} held"

"""Tables and sentences that tell a person what a run came to."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from kurs.kernel.money import format_amount
from loadtest.client import REJECTED, UNRESOLVED
from loadtest.summary import SHOWN_SURPRISES, Summary

_STYLES = {"CAPTURED": "green", "FAILED": "yellow", UNRESOLVED: "bold red", REJECTED: "red"}


def print_summary(console: Console, summary: Summary) -> None:
    """Print the payments by status, failure code and currency, their pace, and any surprise."""
    table = Table(title="Payments")
    for name in ("status", "failure code", "currency"):
        table.add_column(name)
    for name in ("count", "amount"):
        table.add_column(name, justify="right")
    shown: tuple[str, str] | None = None
    for line in summary.lines:
        outcome = (line.status, line.code)
        if outcome != shown:
            table.add_section()
        # An outcome is named once, on the first of its lines.
        named = ("", "") if outcome == shown else (_styled(line.status), line.code)
        shown = outcome
        amount = grouped(format_amount(line.minor, line.currency))
        table.add_row(*named, line.currency, str(line.count), amount)
    console.print(table)
    for total, count in summary.by_outcome().items():
        console.print(f"  {count:>6}  {total}", highlight=False)
    times = summary.latency
    console.print(
        f"\n{summary.count} payments in {summary.seconds:.2f} s: {summary.per_second:.0f}/s, "
        f"p50 {times.p50:.1f} ms, p95 {times.p95:.1f} ms, p99 {times.p99:.1f} ms",
        highlight=False,
    )
    for surprise in summary.surprises[:SHOWN_SURPRISES]:
        console.print(
            f"  {surprise.payment_id}: expected {surprise.expected}, got {surprise.actual}",
            style="red",
            highlight=False,
        )


def _styled(status: str) -> str:
    return f"[{_STYLES.get(status, 'cyan')}]{status}[/]"


def print_ledger(console: Console, trial_balance: Mapping[str, Any]) -> None:
    """Print the sum of every currency over the whole ledger."""
    table = Table(title="Ledger: the sum over all postings")
    table.add_column("currency")
    for name in ("accounts", "postings", "sum"):
        table.add_column(name, justify="right")
    for entry in trial_balance["currencies"]:
        balanced = not entry["sum"].strip("-0.")
        table.add_row(
            entry["currency"],
            str(entry["accounts"]),
            str(entry["postings"]),
            f"[{'green' if balanced else 'bold red'}]{entry['sum']}[/]",
        )
    console.print(table)


def verdict(summary: Summary, unbalanced: list[str] | None = None) -> str:
    """Return one sentence with all that is wrong, empty if nothing is."""
    complaints = []
    if summary.unresolved:
        complaints.append(f"{summary.unresolved} payments got no final status")
    unexpected = len(summary.surprises) - summary.unresolved
    if unexpected > 0:
        complaints.append(f"{unexpected} payments ended otherwise than their rows demand")
    if unbalanced:
        complaints.append(f"the ledger does not sum to zero in {', '.join(unbalanced)}")
    return "; ".join(complaints)


def grouped(amount: str) -> str:
    """Return an amount with its thousands set apart: `1,234,567.89`."""
    whole, dot, fraction = amount.partition(".")
    return f"{int(whole):,}{dot}{fraction}"

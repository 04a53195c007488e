"""The schema of payments, as alembic revisions."""

from pathlib import Path

from payments.store.tables import CHANGING_COLUMNS

VERSIONS = Path(__file__).parent / "versions"
"""Where alembic finds the revisions."""

GRANTS = {
    "payments": f"SELECT, INSERT, UPDATE ({', '.join(CHANGING_COLUMNS)}, version)",
    "operations": "SELECT, INSERT, UPDATE (lease_until, attempts, answer_status, answer, failures, "
    "set_aside_at, waits_for, open_reason)",
    "payment_events": "SELECT, INSERT",
    "late_events": "SELECT, INSERT, DELETE",
    "ledger_cursors": "SELECT, INSERT, UPDATE (link)",
    "chain_cursors": "SELECT, INSERT, UPDATE (link)",
    "unknown_transfers": "SELECT, INSERT, DELETE",
    "deposits": "SELECT, INSERT",
    "deposit_cursors": "SELECT, INSERT, UPDATE (link)",
    "old_rate_refunds": "SELECT, INSERT",
    "figures": "SELECT, INSERT, UPDATE (sums), DELETE",
    "figures_cursor": "SELECT, INSERT, UPDATE (sequence)",
    "rate_edits": "SELECT, INSERT",
}
"""What payments' own role may do, by table."""

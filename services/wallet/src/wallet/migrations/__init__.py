"""The schema of the ledger, as alembic revisions."""

from pathlib import Path

VERSIONS = Path(__file__).parent / "versions"
"""Where alembic finds the revisions."""

GRANTS = {
    "accounts": "SELECT, INSERT",
    "balances": "SELECT, INSERT, UPDATE (posted, held)",
    "transfers": "SELECT, INSERT",
    "postings": "SELECT, INSERT",
    "holds": "SELECT, INSERT, UPDATE (state, closed_by)",
    "chains": "SELECT, UPDATE (sequence, hash)",
    "links": "SELECT, INSERT",
    "payees": "SELECT, INSERT",
    "openings": "SELECT, INSERT, UPDATE (opened)",
    "checkpoints": "SELECT, INSERT, UPDATE (entry_id, total, postings)",
    "archives": "SELECT",
    "archived_sums": "SELECT",
    "archived_late": "SELECT",
}
"""What the wallet's own role may do, by table."""

"""The schema of risk, as alembic revisions."""

from pathlib import Path

VERSIONS = Path(__file__).parent / "versions"
"""Where alembic finds the revisions."""

GRANTS = {
    "decisions": "SELECT, INSERT",
    "velocity": "SELECT, INSERT, UPDATE (attempts, amount), DELETE",
    "velocity_locks": "SELECT, INSERT, UPDATE",
}
"""What risk's own role may do, by table."""

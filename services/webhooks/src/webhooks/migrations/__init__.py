"""The schema of webhooks, as alembic revisions."""

from pathlib import Path

VERSIONS = Path(__file__).parent / "versions"
"""Where alembic finds the revisions."""

GRANTS = {
    "feed": "SELECT, INSERT, UPDATE",
    "workers": "SELECT, INSERT, UPDATE, DELETE",
    "destinations": "SELECT, INSERT, UPDATE, DELETE",
    "kept_destinations": "SELECT, INSERT, UPDATE, DELETE",
    "events": "SELECT, INSERT, DELETE",
    "unread_events": "SELECT, INSERT, UPDATE, DELETE",
    "deliveries": "SELECT, INSERT, UPDATE, DELETE",
}
"""What webhooks' own role may do, by table."""

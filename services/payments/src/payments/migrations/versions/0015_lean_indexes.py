"""Indexes weigh less: events are found by their payment alone, accounts by one index of each side.

PostgreSQL keeps equal keys of an index once, and SQLite has the sequence in each anyway. A release
before this one works on: what it looks for by an index that is gone, it finds by the one that came
in its place.
"""

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change no table."""


def indexes(_: str) -> dict[str, str]:
    """Return what is built beside writes."""
    return {"ix_payment_events_uid": "payment_events (uid)"}


def retired_indexes() -> tuple[str, ...]:
    """Return what nothing is for any more; `paid_from` and `paid_to` are for the last two."""
    return ("ix_payment_events_payment", "ix_payments_source", "ix_payments_destination")

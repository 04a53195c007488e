"""The schema of payments, as alembic revisions."""

from pathlib import Path

VERSIONS = Path(__file__).parent / "versions"
"""Where alembic finds the revisions."""

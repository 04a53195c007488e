"""Opens a service's database beside the service: the judge reads, and reads only."""

import sqlite3
from pathlib import Path


def beside(file: Path) -> sqlite3.Connection:
    """Return a connection that sees each commit once it is made, and can change nothing."""
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True, isolation_level=None)
    connection.row_factory = sqlite3.Row
    return connection

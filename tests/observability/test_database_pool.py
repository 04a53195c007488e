"""Connections to PostgreSQL are counted as they are at the moment of the scrape."""

from typing import Any

import pytest
from sqlalchemy import Connection, text

from kurs.data.database import Database
from kurs_testing.telemetry import RecordingTelemetry


@pytest.mark.postgres
async def test_connections_are_in_use_or_idle(postgres_url: str) -> None:
    telemetry = RecordingTelemetry("wallet")
    database = Database.open(postgres_url, telemetry)

    def states(connection: Connection) -> dict[str, Any]:
        connection.execute(text("SELECT 1"))
        return {state: value(state) for state in ("in_use", "idle", "limit")}

    def value(state: str) -> float | None:
        return telemetry.registry.get_sample_value("kurs_database_connections", {"state": state})

    assert await database.read(states) == {"in_use": 1, "idle": 0, "limit": 8}
    assert (value("in_use"), value("idle")) == (0, 1)
    await database.close()

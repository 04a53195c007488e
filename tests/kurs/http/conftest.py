"""A clock that only moves when told, and telemetry that keeps its spans."""

import pytest

from kurs.telemetry import Telemetry
from kurs_testing.monotonic import ManualMonotonic
from kurs_testing.telemetry import RecordingTelemetry


@pytest.fixture
def clock() -> ManualMonotonic:
    return ManualMonotonic()


@pytest.fixture
def telemetry() -> Telemetry:
    return RecordingTelemetry("payments")

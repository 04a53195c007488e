"""A clock that only moves when told, and telemetry that keeps its spans."""

import pytest

from kurs.telemetry import Telemetry
from kurs.testing.monotonic import ManualMonotonic


@pytest.fixture
def clock() -> ManualMonotonic:
    return ManualMonotonic()


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry.for_tests("payments")

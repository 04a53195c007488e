"""Instruments belong to one app, are shared by name, and come in two formats."""

import subprocess
import sys

import prometheus_client
import pytest

from kurs.telemetry import Telemetry, render_metrics
from kurs_testing.telemetry import RecordingTelemetry

OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"


@pytest.fixture
def telemetry() -> Telemetry:
    return RecordingTelemetry("payments")


def test_a_name_asked_for_twice_gives_one_instrument(telemetry: Telemetry) -> None:
    first = telemetry.counter("kurs_things_total", "Things", ("kind",))
    second = telemetry.counter("kurs_things_total", "Things", ("kind",))
    first.labels("a").inc()
    second.labels("a").inc()

    assert telemetry.registry.get_sample_value("kurs_things_total", {"kind": "a"}) == 2.0


def test_a_name_cannot_change_its_kind_or_labels(telemetry: Telemetry) -> None:
    telemetry.gauge("kurs_level", "Level", ("tank",))

    with pytest.raises(ValueError, match="kurs_level"):
        telemetry.histogram("kurs_level", "Level", ("tank",))
    with pytest.raises(ValueError, match="kurs_level"):
        telemetry.gauge("kurs_level", "Level")


def test_a_counter_must_end_in_total(telemetry: Telemetry) -> None:
    with pytest.raises(ValueError, match="_total"):
        telemetry.counter("kurs_things", "Things")


def test_two_apps_in_one_process_do_not_share_series() -> None:
    one, other = RecordingTelemetry("wallet"), RecordingTelemetry("fx")
    one.counter("kurs_things_total", "Things").inc()

    assert other.registry.get_sample_value("kurs_things_total") is None
    assert prometheus_client.REGISTRY.get_sample_value("kurs_things_total") is None


def test_exemplars_are_rendered_only_as_openmetrics(telemetry: Telemetry) -> None:
    telemetry.histogram("kurs_wait_seconds", "Wait").observe(0.2, {"trace_id": "abc"})

    body, content_type = render_metrics(telemetry.registry, OPENMETRICS)
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert b'# {trace_id="abc"} 0.2' in body
    assert body.endswith(b"# EOF\n")

    body, content_type = render_metrics(telemetry.registry, "text/plain")
    assert content_type.startswith("text/plain; version=0.0.4")
    assert b"kurs_wait_seconds_bucket" in body
    assert b"abc" not in body


def test_counters_have_no_created_series(telemetry: Telemetry) -> None:
    telemetry.counter("kurs_things_total", "Things").inc()

    body, _ = render_metrics(telemetry.registry, OPENMETRICS)
    assert b"_created" not in body


def test_a_process_reports_itself() -> None:
    telemetry = Telemetry.create(
        "fx", instance="fx-1", trace_ratio=0.0, otlp_endpoint="", log_level="info"
    )

    body, _ = render_metrics(telemetry.registry, "")
    assert b"process_cpu_seconds_total" in body
    assert b"python_info" in body


def test_a_process_that_stopped_counting_names_its_metrics_and_counts_nothing() -> None:
    # In a process of its own, since it is for good.
    program = """
from kurs.telemetry import render_metrics
from kurs.telemetry.metrics import stop_counting
from kurs_testing.telemetry import RecordingTelemetry

stop_counting()
telemetry = RecordingTelemetry("payments")
telemetry.counter("kurs_things_total", "Things").inc()
telemetry.gauge("kurs_level", "Level").set(3)
telemetry.histogram("kurs_wait_seconds", "Wait").observe(0.2, {"trace_id": "abc"})
print(render_metrics(telemetry.registry, "text/plain")[0].decode())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    samples = [line for line in done.stdout.splitlines() if line and not line.startswith("#")]
    assert {line.split("{")[0].split(" ")[0] for line in samples} >= {
        "kurs_things_total",
        "kurs_level",
        "kurs_wait_seconds_count",
    }
    assert {float(line.rsplit(" ", 1)[1]) for line in samples} == {0.0}

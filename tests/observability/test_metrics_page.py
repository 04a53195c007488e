"""docs/metrics.md says what the code says, and metrics are named as Prometheus advises."""

import re

import pytest

from kurs_observability.catalogue import Described, describe
from kurs_observability.metrics_page import PAGE, render


@pytest.fixture(scope="module")
def metrics() -> list[Described]:
    return describe()


def test_the_page_is_what_the_code_says(metrics: list[Described]) -> None:
    assert PAGE.read_text("utf-8") == render(metrics), "run make observability"


def test_names_and_labels_follow_prometheus(metrics: list[Described]) -> None:
    name = re.compile(r"^[a-z][a-z0-9_]*$")
    for metric in metrics:
        assert name.match(metric.name), metric.name
        assert all(name.match(label) for label in metric.labels), metric
        assert metric.documentation, metric.name
        assert (metric.kind == "counter") == metric.name.endswith("_total"), metric.name


def test_what_is_ours_has_our_prefix(metrics: list[Described]) -> None:
    """`http_` is OpenTelemetry's, `process_` and `python_` are the client library's."""
    named = re.compile(r"^(kurs_|http_(client|server)_|process_|python_)")
    assert [metric.name for metric in metrics if not named.match(metric.name)] == []


def test_no_label_is_named_after_an_id(metrics: list[Described]) -> None:
    for metric in metrics:
        wrong = {x for x in metric.labels if x.endswith("_id") or x in ("id", "merchant", "path")}
        assert not wrong, metric
    assert {m.name for m in metrics if "account" in m.labels} == {"kurs_wallet_house_position"}

"""The benchmark's arithmetic and its tables, on recorded cases."""

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from loadtest.bench.__main__ import _parser
from loadtest.bench.baseline import BaselineError, changes, read_baseline
from loadtest.bench.case import NAIVE, Case, yardstick
from loadtest.bench.counters import Counters
from loadtest.bench.load import Load, LoadError, choose_driver, read_k6_summary
from loadtest.bench.picture import picture
from loadtest.bench.report import COLUMNS, cells, conditions, details, document, markdown
from loadtest.dummygen import generate
from loadtest.measures import Latency

LATENCY = Latency(20.0, 46.5, 80.25)
KURS = Case(
    "Kurs SQLite",
    64,
    Load(8000, 0, 8.0, LATENCY),
    {"wallet": 2.0, "payments": 6.0, "risk": 0.0},
    Counters(2400, 0, 1600, {"payments/wallet": (800, 8000)}),
)
CHAIN = Case(NAIVE, 64, Load(1000, 0, 8.0, LATENCY), {"gateway": 8.0}, Counters())
NOTHING = Case("Kurs SQLite", 1, Load(0, 0, 8.0, Latency(0, 0, 0)), {"wallet": 1.0}, Counters())


def test_figures_are_per_payment() -> None:
    assert KURS.per_second == 1000
    assert KURS.cpu_ms == 1.0
    assert KURS.requests == 0.3
    assert KURS.transactions == 0.2
    assert KURS.cpu_ms_by_process() == {"payments": 0.75, "wallet": 0.25, "risk": 0.0}


def test_a_case_without_payments_has_figures_of_zero() -> None:
    assert (NOTHING.cpu_ms, NOTHING.requests, NOTHING.per_second) == (0, 0, 0)


def test_the_yardstick_is_the_naive_chain_with_as_many_clients() -> None:
    cases = [CHAIN, KURS, NOTHING]

    assert yardstick(cases, KURS) is CHAIN
    assert yardstick(cases, NOTHING) is None
    assert yardstick(cases, CHAIN) is None


def test_a_row_has_a_cell_for_every_column() -> None:
    row = dict(zip(COLUMNS, cells(KURS, [CHAIN, KURS]), strict=True))

    assert row["paid/s"] == "1000"
    assert row["p95"] == "46.5"
    assert row["CPU"] == "1.00"
    assert row["ratio"] == "8.0x"


def test_markdown_is_a_table_with_conditions_before_and_details_after_it() -> None:
    lines = markdown([CHAIN, KURS], ["two cores"]).splitlines()

    assert lines[0] == "- two cores"
    table = [line for line in lines if line.startswith("|")]
    assert len(table) == 4
    assert len({line.count("|") for line in table}) == 1
    assert lines[-1] == "- Kurs SQLite, 64 clients: mean batch: payments/wallet 10.0"


def test_what_telemetry_costs_is_the_difference_to_a_run_without_it() -> None:
    silent = replace(KURS, system="Kurs SQLite, neither", cpu_seconds={"payments": 6.4})
    untraced = replace(KURS, system="Kurs SQLite, no-traces")
    fewer = replace(silent, clients=16)

    line = "Kurs SQLite, 64 clients: CPU a payment for its telemetry: traces +0%, both +25%"
    assert line in details([KURS, silent, untraced, fewer])
    assert not [text for text in details([KURS, fewer]) if "telemetry" in text]


def test_json_has_all_figures_of_every_case() -> None:
    parsed = json.loads(document([CHAIN, KURS], ["two cores"]))

    assert parsed["conditions"] == ["two cores"]
    naive, kurs = parsed["cases"]
    assert naive["naive_cpu_ratio"] is None
    assert kurs["naive_cpu_ratio"] == 8.0
    assert kurs["latency_ms"] == {"p50": 20.0, "p95": 46.5, "p99": 80.25}
    assert kurs["mean_batch"] == {"payments/wallet": 10.0}


def test_the_conditions_say_how_hot_the_busiest_accounts_are() -> None:
    text = "\n".join(conditions(generate(500, 7), "k6", 8.0, "on"))

    assert "cores" in text
    assert "synchronous=FULL" in text
    assert "the busiest payer makes" in text


SUMMARY = {
    "payments": 800,
    "wrong": 0,
    "unresolved": 0,
    "seconds": 8.0,
    "latency_ms": {"p50": 20.0, "p95": 46.5, "p99": 80.25},
}


def test_a_k6_summary_is_read() -> None:
    assert read_k6_summary(json.dumps(SUMMARY)) == Load(800, 0, 8.0, LATENCY)


def test_payments_that_k6_found_wrong_are_counted_with_the_first_of_them() -> None:
    output = "starting\nP-1: expected CAPTURED, got FAILED stale_rate\nend"

    load = read_k6_summary(json.dumps({**SUMMARY, "wrong": 2, "unresolved": 1}), output)

    assert load.wrong == 3
    assert "stale_rate" in load.first_wrong


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"payments": "many"}'])
def test_another_k6_summary_is_refused(text: str) -> None:
    with pytest.raises(LoadError, match="not understood"):
        read_k6_summary(text)


def test_a_missing_k6_is_a_sentence_and_auto_does_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    assert choose_driver("auto", generate(5, 7)).name == "python"
    with pytest.raises(LoadError, match="k6 is not installed"):
        choose_driver("k6", [])


@pytest.mark.parametrize(
    "arguments",
    [["--clients", "0"], ["--clients", "a,b"], ["--clients", "5000"], ["--seconds", "nan"]],
)
def test_unbounded_or_senseless_arguments_are_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        _parser().parse_args(arguments)


def test_a_change_is_told_without_what_the_machine_became(tmp_path: Path) -> None:
    file = tmp_path / "before.json"
    file.write_text(document([CHAIN, KURS], []))
    slower = replace(CHAIN, cpu_seconds={"gateway": 16.0})
    dearer = replace(KURS, cpu_seconds={"payments": 12.0})

    same = changes([CHAIN, KURS, NOTHING], read_baseline(file))
    [steadied] = changes([slower, dearer], read_baseline(file))
    [measured] = changes([dearer], read_baseline(file))

    assert [str(change) for change in same] == [
        "Kurs SQLite, 64 clients: CPU the same, p95 the same (against the naive chain of each run)"
    ]
    assert str(steadied).startswith("Kurs SQLite, 64 clients: CPU 25% better, p95 the same")
    assert str(measured).endswith("CPU 50% worse, p95 the same (as measured)")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"cases": [{"system": 1}]}', "[" * 100_000])
def test_a_file_of_something_else_is_no_baseline(tmp_path: Path, content: str) -> None:
    file = tmp_path / "before.json"
    file.write_text(content)

    with pytest.raises(BaselineError, match=r"before\.json"):
        read_baseline(file)


def test_the_picture_has_a_bar_for_each_process_of_each_case() -> None:
    drawn = ET.fromstring(picture([CHAIN, KURS, NOTHING]))
    texts = [text.text for text in drawn.iter() if text.tag.endswith("text")]
    widths = [float(r.get("width", "")) for r in drawn.iter() if r.get("fill") == "#ee6677"]

    assert "Kurs SQLite, 64 clients" in texts
    assert "1.00 ms" in texts
    assert "8.00 ms …" not in texts
    assert len(widths) == 2  # the legend's, and that of payments


def test_a_bar_that_is_too_long_is_cut_and_says_so() -> None:
    long = replace(CHAIN, cpu_seconds={"gateway": 80.0})

    assert "80.00 ms …" in picture([KURS, KURS, long])

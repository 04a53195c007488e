"""The benchmark's figures as a table for a terminal, as Markdown and as JSON."""

import json
import os
import platform
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from loadtest.bench.case import Case, ratio, yardstick
from loadtest.catalogue import settlement_currency
from loadtest.rows import Row

COLUMNS = (
    "system", "clients", "ratio", "CPU", "paid/s", "p50", "p95", "p99", "SQL", "HTTP",
)  # fmt: skip
LEGEND = (
    "Latencies and CPU in milliseconds. CPU, SQL transactions and internal HTTP requests are per "
    "payment, the load generator's not counted. Ratio: the naive chain's CPU over this one's."
)


def cells(case: Case, cases: list[Case]) -> tuple[str, ...]:
    """Return the cells of a case's row, in the order of COLUMNS."""
    times = case.load.latency
    naive = yardstick(cases, case)
    return (
        case.system,
        str(case.clients),
        f"{ratio(naive, case):.1f}x" if naive else "",
        f"{case.cpu_ms:.2f}",
        f"{case.per_second:.0f}",
        _milliseconds(times.p50),
        _milliseconds(times.p95),
        _milliseconds(times.p99),
        f"{case.transactions:.2f}" if case.transactions else "",
        f"{case.requests:.2f}" if case.requests else "",
    )


def print_table(console: Console, cases: list[Case]) -> None:
    """Print all cases; then, of each, the CPU by process and the mean batches."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in COLUMNS:
        table.add_column(name, justify="left" if name == "system" else "right", no_wrap=True)
    previous = ""
    for case in cases:
        if previous and case.system != previous:
            table.add_section()
        previous = case.system
        table.add_row(*cells(case, cases))
    console.print(table)
    console.print(LEGEND, highlight=False)
    for text in details(cases):
        console.print(text, highlight=False, soft_wrap=True)


def details(cases: list[Case]) -> list[str]:
    """Return a line per case with the CPU by process, and one with the mean batches."""
    lines = []
    for case in cases:
        name = f"{case.system}, {case.clients} clients"
        spent = ", ".join(f"{k} {v:.2f}" for k, v in case.cpu_ms_by_process().items())
        lines.append(f"{name}: CPU ms a payment: {spent}")
        if batches := case.counters.mean_batches():
            sizes = ", ".join(f"{k} {v:.1f}" for k, v in batches.items())
            lines.append(f"{name}: mean batch: {sizes}")
        if spent_more := overhead(case, cases):
            each = ", ".join(f"{what} {share:+.0%}" for what, share in spent_more.items())
            lines.append(f"{name}: CPU a payment for its telemetry: {each}")
    return lines


def overhead(case: Case, cases: list[Case]) -> dict[str, float]:
    """Return how much more CPU a payment takes than without metrics, traces, or both.

    Empty unless those were measured as well, with as many clients.
    """
    found = {}
    for what, variant in (("metrics", "no-metrics"), ("traces", "no-traces"), ("both", "neither")):
        for less in cases:
            same = (less.system, less.clients) == (f"{case.system}, {variant}", case.clients)
            if same and less.cpu_ms:
                found[what] = case.cpu_ms / less.cpu_ms - 1
    return found


def markdown(cases: list[Case], conditions: Sequence[str]) -> str:
    """Return the conditions, the table and the details as Markdown."""
    lines = [*(f"- {condition}" for condition in conditions), "", _row(COLUMNS)]
    lines.append(_row(["---", *["---:"] * (len(COLUMNS) - 1)]))
    lines += [_row(cells(case, cases)) for case in cases]
    lines += ["", LEGEND, "", *(f"- {detail}" for detail in details(cases))]
    return "\n".join(lines)


def document(cases: list[Case], conditions: Sequence[str]) -> str:
    """Return everything as JSON."""
    return json.dumps(
        {
            "conditions": list(conditions),
            "cases": [case.document(yardstick(cases, case)) for case in cases],
        },
        indent=2,
    )


def conditions(rows: Sequence[Row], driver: str, seconds: float, telemetry: str) -> list[str]:
    """Return what a reader must know to judge the figures."""
    payer = Counter(row.source_account for row in rows).most_common(1)[0][1] / len(rows)
    payee = Counter(row.destination_account for row in rows).most_common(1)[0][1] / len(rows)
    exchanged = sum(map(_is_exchanged, rows)) / len(rows)
    currencies = len({row.currency for row in rows})
    machine = f"{os.cpu_count()} cores ({_cpu_model()}), {platform.system()}"
    durable = "SQLite in WAL mode with synchronous=FULL, PostgreSQL with its defaults"
    checks = "API keys, idempotency, validation and stored decisions on"
    return [
        f"{machine}, Python {platform.python_version()}",
        f"one process a service; load by {driver} on the same cores, closed loop",
        f"{seconds:g} s a case after a warm-up",
        f"durable: {durable}; the database server's CPU is counted",
        f"telemetry {telemetry}; {checks}",
        f"payments of {currencies} currencies, {exchanged:.0%} of them exchanged",
        f"the busiest payer makes {payer:.1%} of them, the busiest payee receives {payee:.1%}",
        "naive chain: five FastAPI and httpx services without storage (loadtest.naive)",
    ]


def _is_exchanged(row: Row) -> bool:
    return settlement_currency(row.destination_account) not in (None, row.currency)


def _milliseconds(value: float) -> str:
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _row(values: Sequence[str]) -> str:
    return f"| {' | '.join(values)} |"


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()

"""What the turns came to: a table for a terminal, Markdown, or JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import mean, median
from typing import Any

from rich.console import Console
from rich.table import Table

from loadtest.turns.course import Course, Side
from loadtest.turns.estimate import Estimate

ALL = "all"
_INTERVAL = "95 %"
_WAVES = "payments/waves"
_HOW = (
    "CPU of a process over a whole pair, less what it takes at rest in that time: the middle of "
    f"pairs (Hodges and Lehmann) and its {_INTERVAL} interval (signed ranks)"
)
_HEAD = ("µs a payment", "this", "other", "ratio", _INTERVAL, "more", _INTERVAL)


def rows(course: Course) -> list[tuple[str, ...]]:
    """Return a row for all processes and one for each: both, their ratio, their difference."""
    found: list[tuple[str, ...]] = []
    for process in (None, *course.this.processes):
        ratio, more = course.ratio(process), course.difference_us(process)
        found.append(
            (
                ALL if process is None else process,
                f"{_middle_us(course.this, process):.0f}",
                f"{_middle_us(course.other, process):.0f}",
                "" if ratio is None else f"{ratio.middle:.3f}",
                "" if ratio is None else _interval(ratio, "{:.3f}"),
                f"{more.middle:+.0f}",
                _interval(more, "{:+.0f}"),
            )
        )
    return found


def remarks(course: Course) -> list[str]:
    """Return what else a reader must know to judge the table."""
    this, other = course.this, course.other
    return [
        f"{len(this.spent)} pairs of turns in {len(this.resting)} rounds",
        f"this: {this.name}; other: {other.name}",
        _HOW,
        f"ratio of all that was spent, pairs that are far off included: {course.whole_ratio:.3f}",
        f"payments/s: {_rate(this):.0f} and {_rate(other):.0f}",
        f"p50 {_latency(this, 'p50')} and {_latency(other, 'p50')} ms",
        f"p95 {_latency(this, 'p95')} and {_latency(other, 'p95')} ms",
        f"mean wave of payments: {_wave(this):.1f} and {_wave(other):.1f}",
        f"at rest {_resting_ms(this):.1f} and {_resting_ms(other):.1f} ms of CPU a second",
    ]


def print_table(console: Console, course: Course, title: str) -> None:
    """Print it all."""
    table = Table(title=title)
    for number, name in enumerate(_HEAD):
        table.add_column(name, justify="right" if number else "left", no_wrap=True)
    for row in rows(course):
        table.add_row(*row)
    console.print(table)
    for remark in remarks(course):
        console.print(f"- {remark}", highlight=False, soft_wrap=True)


def markdown(course: Course, title: str) -> str:
    """Return it all as Markdown."""
    lines = [title, "", _line(_HEAD), _line(["---", *["---:"] * (len(_HEAD) - 1)])]
    lines += [_line(row) for row in rows(course)]
    return "\n".join([*lines, "", *(f"- {remark}" for remark in remarks(course))])


def document(course: Course, title: str) -> Mapping[str, Any]:
    """Return it all for JSON."""
    ratio = course.ratio()
    return {
        "title": title,
        "pairs": len(course.this.spent),
        "ratio": None if ratio is None else ratio._asdict(),
        "difference_us": {
            process or ALL: course.difference_us(process)._asdict()
            for process in (None, *course.this.processes)
        },
        "this": _side(course.this),
        "other": _side(course.other),
    }


def _side(side: Side) -> Mapping[str, Any]:
    return {
        "name": side.name,
        "resting": list(side.resting),
        "loads": [asdict(load) for load in side.loads],
        "spent_seconds": list(side.spent),
    }


def _middle_us(side: Side, process: str | None) -> float:
    return median(side.cpu_ms(process)) * 1000


def _interval(found: Estimate, form: str) -> str:
    if found.low is None or found.high is None:
        return ""
    return f"{form.format(found.low)} to {form.format(found.high)}"


def _rate(side: Side) -> float:
    return sum(load.payments for load in side.loads) / sum(load.seconds for load in side.loads)


def _latency(side: Side, name: str) -> str:
    return f"{median(getattr(load.latency, name) for load in side.loads):.1f}"


def _wave(side: Side) -> float:
    found = [counted.batches.get(_WAVES, (0.0, 0.0)) for counted in side.counted]
    number = sum(waves for waves, _ in found)
    return sum(payments for _, payments in found) / number if number else 0.0


def _resting_ms(side: Side) -> float:
    return mean(sum(resting.values()) for resting in side.resting) * 1000


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"

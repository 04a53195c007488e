"""Shapes figures over time into answers."""

from typing import Any, Literal

from kurs.kernel.clock import to_rfc3339
from kurs.kernel.money import format_amount
from payments.domain.figures import OTHER, SPANS, Corridors, Sums, joined, total
from payments.figures.counting import PeriodFigures
from payments.figures.schemas import CorridorAnswer, FigureAnswer, FiguresAnswer, SpanAnswer

_USUAL = 0.95


def figures_answer(told: PeriodFigures, of: Literal["merchant", "all"]) -> FiguresAnswer:
    """Return figures, with the spans in which nothing happened."""
    whole: Corridors = {}
    for corridors in told.spans.values():
        joined(whole, corridors)
    ranked = sorted(whole.items(), key=lambda item: (-item[1].worth, -item[1].outcomes, item[0]))
    return FiguresAnswer(
        period=told.period,
        of=of,
        reference_currency=told.currency,
        as_of=to_rfc3339(told.now),
        waiting_events=told.waiting,
        total=FigureAnswer(**_figure(total(whole.values()), told.currency)),
        corridors=[_corridor(name, sums, told.currency) for name, sums in ranked],
        spans=[_span(start, told) for start in SPANS[told.period].starts(told.now)],
    )


def _figure(sums: Sums, currency: str) -> dict[str, Any]:
    return {
        "outcomes": sums.outcomes,
        "failed": sums.failed,
        "success_rate": sums.success,
        "p95_seconds": sums.quantile(_USUAL),
        "captures": sums.captures,
        "volume": format_amount(sums.worth, currency),
        "spread_earned": format_amount(sums.spread, currency),
        "unpriced": sums.unpriced,
    }


def _corridor(name: str, sums: Sums, currency: str) -> CorridorAnswer:
    source, _, bought = name.partition("/")
    return CorridorAnswer(
        **_figure(sums, currency),
        source_currency=source or None,
        destination_currency=bought or None,
        captured_amount=None if name == OTHER else format_amount(sums.captured, source),
    )


def _span(start: int, told: PeriodFigures) -> SpanAnswer:
    sums = total(told.spans.get(start, {}).values())
    return SpanAnswer(**_figure(sums, told.currency), start=to_rfc3339(start))

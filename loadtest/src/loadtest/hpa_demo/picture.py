"""The picture of a run: payments per second, p95 and replicas over one time axis, as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from loadtest.hpa_demo.series import Sample, axis

WIDTH, LEFT, RIGHT, TOP, PANEL, GAP = 860, 64, 130, 64, 140, 44
_INK, _FAINT, _GRID = "#24292f", "#6e7781", "#e6e8eb"
_COLOURS = ("#0969da", "#bc4c00", "#1a7f37", "#8250df", "#bf3989")
_FONT = "font-family='system-ui, sans-serif'"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a panel: points of seconds and values. `steps` go level until they jump."""

    name: str
    colour: str
    points: Sequence[tuple[float, float]]
    steps: bool = False
    dashed: bool = False


def draw(title: str, samples: Sequence[Sample], load_seconds: float) -> str:
    """Return the picture; a mark shows where the load ends."""
    seconds = max((sample.second for sample in samples), default=1.0) or 1.0
    panels = _panels(samples)
    height = TOP + len(panels) * (PANEL + GAP) + 16
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' role='img'>",
        f"<title>{escape(title)}</title>",
        f"<rect width='{WIDTH}' height='{height}' fill='#ffffff'/>",
        _text(LEFT, 26, title, size=16, weight=600),
    ]
    for number, (name, lines) in enumerate(panels):
        parts += _panel(TOP + number * (PANEL + GAP), name, lines, seconds, load_seconds)
    bottom = TOP + len(panels) * (PANEL + GAP) - GAP
    for mark in axis(seconds):
        if mark <= seconds:
            parts.append(_text(_x(mark, seconds), bottom + 18, f"{mark:g} s", anchor="middle"))
    return "\n".join([*parts, "</svg>", ""])


def _panels(samples: Sequence[Sample]) -> list[tuple[str, list[Line]]]:
    names = sorted(samples[0].services, reverse=True) if samples else []
    pace = [
        Line("wanted", _FAINT, [(s.second, s.wanted) for s in samples], steps=True, dashed=True),
        Line("paid", _COLOURS[0], [(s.second, s.per_second) for s in samples]),
    ]
    p95 = [Line("p95", _COLOURS[3], [(s.second, s.p95) for s in samples if s.per_second])]
    pods = [
        Line(
            name,
            _COLOURS[number],
            [(s.second, s.services[name].ready) for s in samples],
            steps=True,
        )
        for number, name in enumerate(names)
    ]
    return [("payments per second", pace), ("p95, milliseconds", p95), ("pods that serve", pods)]


def _panel(
    top: float, name: str, lines: Sequence[Line], seconds: float, load_seconds: float
) -> list[str]:
    marks = axis(max((value for line in lines for _, value in line.points), default=1.0))
    if name.startswith("pods"):
        marks = [float(n) for n in range(int(marks[-1]) + 1)]
    parts = [_text(LEFT, top - 8, name, weight=600)]
    for mark in marks:
        y = _y(mark, marks[-1], top)
        parts.append(_path([(LEFT, y), (WIDTH - RIGHT, y)], _GRID, 1))
        parts.append(_text(LEFT - 8, y + 4, f"{mark:g}", anchor="end", colour=_FAINT))
    end = _x(load_seconds, seconds)
    parts.append(_path([(end, top), (end, top + PANEL)], _FAINT, 1, dash="2 3"))
    parts.append(_text(end + 4, top + 10, "load ends", size=11, colour=_FAINT))
    for number, line in enumerate(lines):
        points = [(_x(s, seconds), _y(v, marks[-1], top)) for s, v in line.points]
        shown = _stairs(points) if line.steps else points
        parts.append(_path(shown, line.colour, 2, dash="5 4" if line.dashed else ""))
        parts.append(
            _text(WIDTH - RIGHT + 12, top + 14 + 18 * number, line.name, colour=line.colour)
        )
    return parts


def _stairs(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    level: list[tuple[float, float]] = []
    for x, y in points:
        if level:
            level.append((x, level[-1][1]))
        level.append((x, y))
    return level


def _x(second: float, seconds: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * min(second / seconds, 1.0)


def _y(value: float, most: float, top: float) -> float:
    return top + PANEL * (1 - value / most)


def _path(
    points: Sequence[tuple[float, float]], colour: str, width: float, *, dash: str = ""
) -> str:
    if not points:
        return ""
    drawn = "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    broken = f" stroke-dasharray='{dash}'" if dash else ""
    return (
        f"<path d='{drawn}' fill='none' stroke='{colour}' stroke-width='{width:g}' "
        f"stroke-linejoin='round'{broken}/>"
    )


def _text(
    x: float,
    y: float,
    text: str,
    *,
    size: int = 12,
    weight: int = 400,
    anchor: str = "start",
    colour: str = _INK,
) -> str:
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' {_FONT} font-size='{size}' font-weight='{weight}' "
        f"text-anchor='{anchor}' fill='{colour}'>{escape(text)}</text>"
    )

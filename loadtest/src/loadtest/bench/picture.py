"""The benchmark's figures as a picture: of each case the CPU of a payment, by process, as a bar."""

from xml.etree import ElementTree as ET

from loadtest.bench.case import Case

_WIDTH = 860
_LEFT = 190
_RIGHT = 90
_BAR = 18
_STEP = 26
_TOP = 46
_COLOURS = {
    "api-gateway": "#4477aa",
    "payments": "#ee6677",
    "fx": "#228833",
    "wallet": "#ccbb44",
    "risk": "#66ccee",
    "webhooks": "#aa3377",
    "postgresql": "#bbbbbb",
}
"""Seven that are told apart with every common kind of colour blindness (Paul Tol's bright ones)."""
_COLOUR_OF = _COLOURS | {"gateway": _COLOURS["api-gateway"]}
"""By process, the naive chain's too."""
_OTHER = "#888888"


def picture(cases: list[Case]) -> str:
    """Return the figures as SVG; a bar that is too long for the others is cut, and says its length.

    The scale is that of Kurs alone, since one client's payment costs many times that of sixty-four.
    """
    ordered = [case for case in cases if case.cpu_ms]
    scale = _scale(ordered)
    height = _TOP + _STEP * len(ordered) + 10
    size = {"width": str(_WIDTH), "height": str(height), "viewBox": f"0 0 {_WIDTH} {height}"}
    svg = ET.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "role": "img", **size})
    ET.SubElement(svg, "title").text = "CPU milliseconds of a payment, by process"
    ET.SubElement(svg, "rect", {"width": "100%", "height": "100%", "fill": "#ffffff"})
    _legend(svg)
    for number, case in enumerate(ordered):
        _bar(svg, case, _TOP + number * _STEP, scale)
    return ET.tostring(svg, encoding="unicode") + "\n"


def _scale(cases: list[Case]) -> float:
    """Return the pixels of a millisecond: twice the median fills the width."""
    costs = sorted(case.cpu_ms for case in cases)
    return (_WIDTH - _LEFT - _RIGHT) / (2 * costs[len(costs) // 2]) if costs else 1.0


def _legend(svg: ET.Element) -> None:
    left = 10
    for name, colour in _COLOURS.items():
        place = {"x": str(left), "y": "14", "width": "12", "height": "12", "fill": colour}
        ET.SubElement(svg, "rect", place)
        _text(svg, left + 16, 25, name)
        left += 34 + 7 * len(name)


def _bar(svg: ET.Element, case: Case, top: int, scale: float) -> None:
    clients = "1 client" if case.clients == 1 else f"{case.clients} clients"
    _text(svg, _LEFT - 8, top + 14, f"{case.system}, {clients}", anchor="end")
    left, end = float(_LEFT), float(_WIDTH - _RIGHT)
    for name, milliseconds in case.cpu_ms_by_process().items():
        width = min(milliseconds * scale, end - left)
        if width > 0:
            place = {"x": f"{left:.1f}", "y": str(top), "width": f"{width:.1f}"}
            colour = _COLOUR_OF.get(name, _OTHER)
            ET.SubElement(svg, "rect", {**place, "height": str(_BAR), "fill": colour})
            left += width
    cut = " …" if case.cpu_ms * scale > end - _LEFT else ""
    _text(svg, int(left) + 6, top + 14, f"{case.cpu_ms:.2f} ms{cut}")


def _text(svg: ET.Element, x: int, y: int, text: str, *, anchor: str = "start") -> None:
    style = {"font-family": "sans-serif", "font-size": "12", "fill": "#222222"}
    place = {"x": str(x), "y": str(y), "text-anchor": anchor}
    ET.SubElement(svg, "text", {**place, **style}).text = text

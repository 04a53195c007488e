"""The console's page, put together: a panel's markup is a file beside the script that fills it."""

import hashlib
import re
import textwrap
from pathlib import Path

_CONSOLE = Path(__file__).parent / "console"
_PLACE = re.compile(r"^( *)<!-- (\w+) -->\n", re.MULTILINE)
_MODULES = "modules"
_BEGUN_OTHERWISE = {"console", "theme", "worker"}
"""Scripts that the page names itself, or another script starts."""


class ConsolePage:
    """What `/` answers, as bytes, and the ETag that tells one version from another."""

    def __init__(self) -> None:
        frame = (_CONSOLE / "index.html").read_text("utf-8")
        self.html = _PLACE.sub(_filled, frame).encode()
        self.etag = f'"{hashlib.sha256(self.html).hexdigest()[:16]}"'


def _filled(place: re.Match[str]) -> str:
    indentation, name = place.groups()
    part = _modules() if name == _MODULES else (_CONSOLE / f"{name}.html").read_text("utf-8")
    return textwrap.indent(part, indentation)


def _modules() -> str:
    """Return links that let the browser load all modules at once, not one import after another."""
    names = sorted(file.stem for file in _CONSOLE.glob("*.js"))
    return "".join(
        f'<link rel="modulepreload" href="/console/{name}.js">\n'
        for name in names
        if name not in _BEGUN_OTHERWISE
    )

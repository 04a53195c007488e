"""Holds what the images ship to licences that ask for no more than to be named.

`python -m kurs_requirements.licences` reads the bills of materials, and asks nothing over the
network.
"""

import sys
from pathlib import Path
from typing import Any

from license_expression import ExpressionError, get_spdx_licensing

from kurs_requirements.sbom import bills

PERMITTED = frozenset(
    {"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0",
     "PSF-2.0", "Python-2.0",
     "Unlicense", "Zlib"}
)  # fmt: skip
"""By SPDX identifier: permissive ones."""
EXCEPTIONS = {
    "certifi": "MPL-2.0: the licence stays with its files, which are shipped unchanged",
    "protobuf": "BSD-3-Clause by the LICENSE in it; its metadata names none",
}
"""By package: why another licence is right."""
_TROVE = {
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "License :: OSI Approved :: BSD License": "BSD-3-Clause",
    "License :: OSI Approved :: MIT License": "MIT",
    "License :: OSI Approved :: ISC License (ISCL)": "ISC",
    "License :: OSI Approved :: Python Software Foundation License": "PSF-2.0",
}
"""What older packages write in place of an identifier."""
_SPDX = get_spdx_licensing()


def objection(component: dict[str, Any]) -> str | None:
    """Return what is wrong with the licences of a component, None if nothing is."""
    name = component["name"]
    named = [_text(entry) for entry in component.get("licenses", ())]
    if name in EXCEPTIONS or any(_is_permitted(text) for text in named):
        return None
    return f"{name} {component['version']}: {'; '.join(named) or 'names no licence'}"


def main() -> int:
    """Print every objection; return 1 if there is one."""
    packages = {
        (c["name"], c["version"]): c
        for document in bills(Path.cwd()).values()
        for c in document["components"]
        if c["type"] == "library"
    }
    found = sorted(filter(None, map(objection, packages.values())))
    for line in found:
        sys.stderr.write(f"{line}: not among the permitted licences (kurs_requirements.licences)\n")
    return 1 if found else 0


def _text(entry: dict[str, Any]) -> str:
    licence = entry.get("license", {})
    text = entry.get("expression") or licence.get("id") or licence.get("name") or ""
    return _TROVE.get(text, text)


def _is_permitted(text: str) -> bool:
    """Whether an expression can be met by permitted licences alone: one of an OR, all of an AND."""
    try:
        parsed = _SPDX.parse(text)
    except ExpressionError:
        return False
    if parsed is None:
        return False
    allowed = {symbol: symbol.key in PERMITTED for symbol in parsed.symbols}
    return _holds(parsed, allowed)


def _holds(node: Any, allowed: dict[Any, bool]) -> bool:
    if node in allowed:
        return allowed[node]
    parts = [_holds(part, allowed) for part in node.args]
    return any(parts) if node.operator.strip() == "OR" else all(parts)


if __name__ == "__main__":
    sys.exit(main())

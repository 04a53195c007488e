"""Builds HTML from values, escaping every text that is not markup already."""

from html import escape


class Markup(str):
    """Text that is HTML and must not be escaped again."""

    __slots__ = ()


def element(name: str, /, *children: str, **attributes: str) -> Markup:
    """Return an element. `class_` stands for the attribute `class`; children are escaped."""
    written = "".join(f' {_attribute(n)}="{escape(v)}"' for n, v in attributes.items() if v)
    return Markup(f"<{name}{written}>{join(*children)}</{name}>")


def join(*parts: str) -> Markup:
    """Return the parts one after another, text escaped."""
    return Markup("".join(p if isinstance(p, Markup) else escape(p) for p in parts))


def prose(text: str) -> Markup:
    """Return paragraphs, with `code` between backticks."""
    paragraphs = (p.strip() for p in text.split("\n\n"))
    return join(*(element("p", _with_code(p)) for p in paragraphs if p))


def _with_code(text: str) -> Markup:
    pieces = text.split("`")
    return join(*(element("code", p) if i % 2 else p for i, p in enumerate(pieces)))


def _attribute(name: str) -> str:
    return name.rstrip("_").replace("_", "-")

"""What a test reaches of an app that it made: its parts."""

from fastapi import FastAPI

from kurs.web.parts import Part, Parts


def part(app: FastAPI, kind: type[Part], name: str = "") -> Part:
    """Return a part of the app; raises KeyError when there is none."""
    parts: Parts = app.state.parts
    return parts.get(kind, name)

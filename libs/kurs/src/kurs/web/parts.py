"""The parts that one app is made of, and how a handler finds the one that it calls."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from fastapi import Depends, Request

Part = TypeVar("Part")
Replacements = Mapping[type, Callable[[Any], Any]]
"""By the type of a part, what makes of it the part that stands in its place."""


class Parts:
    """Parts by type, and by name where there are several of a type."""

    def __init__(self, replacements: Replacements | None = None) -> None:
        self._replacements = replacements or {}
        self._made: dict[tuple[type, str], object] = {}

    def add(self, part: Part, name: str = "", kind: type[Part] | None = None) -> Part:
        """Take `part` in as what it is, or as a `kind`; return it or what stands in its place."""
        kind = kind or type(part)
        replace = self._replacements.get(kind)
        chosen = cast("Part", replace(part)) if replace else part
        self._made[kind, name] = chosen
        return chosen

    def get(self, kind: type[Part], name: str = "") -> Part:
        """Return the part; raises KeyError when there is none."""
        return cast("Part", self._made[kind, name])


def part_of(request: Request, kind: type[Part]) -> Part:
    """Return the part of the app that a request has come to."""
    parts: Parts = request.app.state.parts
    return parts.get(kind)


def from_app(kind: type[Part]) -> Any:
    """Return the dependency by which a handler is given a part.

    Written as `Annotated[WalletService, from_app(WalletService)]`.
    """

    async def find(request: Request) -> Part:
        return part_of(request, kind)

    return Depends(find)

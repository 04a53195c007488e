"""The body of a batch between services: an item that cannot be read fails alone."""

from collections.abc import Collection
from typing import Annotated, Any, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from kurs.validation import field_errors, parse_json

Item = TypeVar("Item")
MAX_ITEMS = 1_000
"""The most items of one batch."""


class Misfit(NamedTuple):
    """An item that cannot be read: as it came, the field to look at, and what is wrong with it."""

    item: Any
    field: str
    message: str


class _Loose(BaseModel):
    model_config = ConfigDict(extra="forbid")

    items: Annotated[list[Any], Field(min_length=1, max_length=MAX_ITEMS)]


_LOOSE = TypeAdapter(_Loose)


def read_items(
    batch: TypeAdapter[Any], item: TypeAdapter[Item], body: bytes, tags: Collection[str] = ()
) -> list[Item | Misfit]:
    """Return the `items` of a batch, in order, each read by itself if need be.

    Raises MalformedJson or Unprocessable when the body is no batch at all.
    """
    try:
        return list(batch.validate_json(body).items)
    except ValidationError:
        # Only now one by one, since it takes several times as long.
        loose = parse_json(_LOOSE, body).items
    read: list[Item | Misfit] = []
    for given in loose:
        try:
            read.append(item.validate_python(given))
        except ValidationError as error:
            read.append(_misfit(given, error, tags))
    return read


def _misfit(given: Any, error: ValidationError, tags: Collection[str]) -> Misfit:
    found = field_errors(error.errors(include_url=False, include_input=False), tags)[0]
    hint = f"; {found.hint}" if found.hint else ""
    return Misfit(given, found.field, f"{found.message}{hint}")

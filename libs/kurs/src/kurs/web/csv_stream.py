"""Answers as CSV (RFC 4180), streamed: however long they are, a page is in memory at a time."""

import csv
import io
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from typing import Annotated, Any, Final

from fastapi import Header
from fastapi.responses import StreamingResponse

ROWS_HEADER = "x-kurs-rows"
"""How many rows follow the line of names: so a client sees how far it is, and whether it has all.

What happens meanwhile may add a few.
"""
BARE_HEADER: Final = "X-Kurs-Bare"
"""With it a request wants the head of an answer alone: nothing is counted or read for it."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

Bare = Annotated[str | None, Header(alias=BARE_HEADER, include_in_schema=False)]

DOCUMENTED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A line of names, then a line per row (RFC 4180, UTF-8)",
        "content": {"text/csv": {"schema": {"type": "string"}}},
        "headers": {
            "X-Kurs-Rows": {
                "description": "How many rows there were as it began.",
                "schema": {"type": "integer"},
            }
        },
    }
}
"""The `responses` of a route that answers so."""


def csv_answer(
    name: str,
    columns: Sequence[str],
    pages: AsyncIterable[Iterable[Sequence[str]]],
    *,
    rows: int | None = None,
) -> StreamingResponse:
    """Return an answer that is saved as `name`.csv; `rows` is how many are to come, if known."""
    headers = {"content-disposition": f'attachment; filename="{name}.csv"'}
    if rows is not None:
        headers[ROWS_HEADER] = str(rows)
    return StreamingResponse(_lines(columns, pages), media_type="text/csv", headers=headers)


def said(text: str | None) -> str:
    """Return a text that somebody else wrote, so that no spreadsheet takes it for a formula.

    An apostrophe before it says that it is text.
    """
    if not text:
        return ""
    return f"'{text}" if text.startswith(_FORMULA) else text


async def _lines(
    columns: Sequence[str], pages: AsyncIterable[Iterable[Sequence[str]]]
) -> AsyncIterator[str]:
    yield _written([columns])
    async for page in pages:
        yield _written(page)


def _written(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()

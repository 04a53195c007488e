"""What fx is told of thresholds: how much a merchant may have quoted at once. Pure."""

from collections.abc import Iterable, Iterator

from kurs.config.resources import ConfiguredThreshold, OpenQuotesLimit
from kurs_operator.entries import Entry

MAX_BYTES = 100_000
"""Of the limits in fx's document: scopes may not take the room of its rates."""
_SHARED = {"scope", "exposure", "on_missing_data", "effective_from", "effective_until"}


def open_quotes(judging: Iterable[Entry]) -> Iterator[OpenQuotesLimit]:
    """Yield the exposure of each Enforce threshold of risk's document, as many as have room.

    In the order of their content, so that age does not change the revision of fx's document.
    """
    room = MAX_BYTES
    for entry in sorted(judging, key=lambda e: e.place):
        part = entry.part
        if not isinstance(part, ConfiguredThreshold) or part.spec.mode == "Shadow":
            continue
        if part.spec.exposure is None:
            continue
        spec = part.spec.model_dump(mode="json", by_alias=True, include=_SHARED, exclude_none=True)
        limit = OpenQuotesLimit.model_validate({"name": part.name, **spec})
        room -= len(limit.model_dump_json())
        if room < 0:
            return
        yield limit

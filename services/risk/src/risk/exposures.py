"""One batch of questions whether limits allow what merchants hold open; nothing is stored."""

import json
from collections.abc import Callable
from typing import Any

from pydantic import TypeAdapter

from kurs.contracts.batch import Misfit, Skip, expires_monotonic, read_items, skipped
from kurs.contracts.risk import JUDGED, ExposureItem
from kurs.kernel.clock import monotonic
from risk import answers
from risk.domain.attempt import Attempt
from risk.schemas import ExposureBatch

_BATCH = TypeAdapter(ExposureBatch)
_ITEM: TypeAdapter[ExposureItem] = TypeAdapter(ExposureItem)
_LATE = skipped(Skip.LATE, "the deadline passed before the item was judged")

IsWithin = Callable[[Attempt], bool]


def judge_exposures(body: bytes, arrived: float, is_within: IsWithin) -> bytes:
    """Return the answer's body; `arrived` is the monotonic moment of arrival, in seconds.

    Raises MalformedJson or Unprocessable when the body is no batch at all.
    """
    begins = monotonic()
    results = [_judge(item, arrived, begins, is_within) for item in read_items(_BATCH, _ITEM, body)]
    return answers.batch_answer([json.dumps(result) for result in results])


def _judge(
    item: ExposureItem | Misfit, arrived: float, begins: float, is_within: IsWithin
) -> dict[str, Any]:
    if isinstance(item, Misfit):
        return item.result()
    until = expires_monotonic(item.get("deadline_ms"), arrived)
    if until is not None and until <= begins:
        return _LATE
    open_ = tuple((held["currency"], held["amount_minor"]) for held in item["exposure"])
    attempt = Attempt(
        "",
        item["merchant"],
        0,
        item["currency"],
        "",
        "",
        item.get("destination_currency"),
        None,
        open_,
    )
    return {"status": JUDGED, "within": is_within(attempt)}

"""One batch request: items that are read, quoted and answered each on its own."""

from collections.abc import Sequence
from typing import Any

from opentelemetry.trace import Span
from pydantic import TypeAdapter
from pydantic_core import to_json

from fx import answers
from fx.domain.pricing import Side
from fx.domain.refusals import Refusal
from fx.metrics import FxMetrics
from fx.schemas import QuoteBatch
from fx.service import Inquiry, NotOneAmount, RateService, Snapshot, fixed_side
from kurs.contracts.batch import (
    REFUSED,
    SKIPPED,
    Misfit,
    Skip,
    expires_monotonic,
    read_items,
    refused,
    skipped,
)
from kurs.contracts.fx import QUOTED, Code, QuoteItem
from kurs.kernel.clock import monotonic
from kurs.kernel.money import InvalidAmount, UnknownCurrency, parse_amount
from kurs.quotes.token import Quote
from kurs.telemetry import Telemetry

SPAN = "fx.quote"
_BATCH = TypeAdapter(QuoteBatch)
_ITEM: TypeAdapter[QuoteItem] = TypeAdapter(QuoteItem)
_LATE = skipped(Skip.LATE, "the deadline passed before the quote")


class BatchQuoting:
    """Answers `POST /quotes/batch`."""

    def __init__(self, service: RateService, telemetry: Telemetry, metrics: FxMetrics) -> None:
        self._service = service
        self._telemetry = telemetry
        self._metrics = metrics

    def answer(self, body: bytes, arrived: float) -> bytes:
        """Return the answer's body; `arrived` is the monotonic moment of arrival, in seconds.

        Every item sees the same table and moment, and all that are quoted are signed at once. An
        item whose time was over when this begins is skipped. Raises MalformedJson or Unprocessable
        when the body is no batch at all, and NoRates.
        """
        items = read_items(_BATCH, _ITEM, body)
        at, begins = self._service.snapshot(), monotonic()
        results = [self._result(item, at, arrived, begins) for item in items]
        return to_json({"results": self._signed(results)})

    def _result(
        self, item: QuoteItem | Misfit, at: Snapshot, arrived: float, begins: float
    ) -> answers.Members | Quote:
        if isinstance(item, Misfit):
            self._metrics.quoted(SKIPPED)
            return item.result()
        with self._telemetry.item_span(SPAN, item.get("traceparent"), item.get("baggage")) as span:
            late = _is_late(item, arrived, begins)
            result = _LATE if late else self._quoted(item, at)
            if span.is_recording():
                _describe(span, item, result, at)
        self._metrics.quoted(_outcome(result))
        return result

    def _quoted(self, item: QuoteItem, at: Snapshot) -> answers.Members | Quote:
        field = "source_currency"
        try:
            side, amount = fixed_side(item.get("source_amount"), item.get("destination_amount"))
            field = f"{side.value}_amount"
            minor = parse_amount(amount, _currency(item, side))
            source, destination = item["source_currency"], item["destination_currency"]
            inquiry = Inquiry(item["merchant"], source, destination, side, minor)
            return self._service.promise(inquiry, at)
        except Refusal as refusal:
            return refused(refusal.code, refusal.message, refusal.field)
        except InvalidAmount as error:
            return refused(Code(error.code), error.message, field)
        except UnknownCurrency as error:
            unknown = field.replace("_amount", "_currency")
            return refused(Code.UNKNOWN_CURRENCY, str(error), unknown)
        except NotOneAmount as error:
            return skipped(Skip.UNREADABLE, str(error), "source_amount")

    def _signed(self, results: Sequence[answers.Members | Quote]) -> list[answers.Members]:
        tokens = iter(self._service.sign([r for r in results if isinstance(r, Quote)]))
        return [
            {**answers.quote_members(result, next(tokens)), "status": QUOTED}
            if isinstance(result, Quote)
            else result
            for result in results
        ]


def _is_late(item: QuoteItem, arrived: float, now: float) -> bool:
    until = expires_monotonic(item.get("deadline_ms"), arrived)
    return until is not None and until <= now


def _currency(item: QuoteItem, side: Side) -> str:
    return item["source_currency" if side is Side.SOURCE else "destination_currency"]


def _outcome(result: answers.Members | Quote) -> str:
    """Return the word for a result: `quoted`, `skipped`, or the code of a refusal."""
    if isinstance(result, Quote):
        return QUOTED
    return str(result["code"] if result["status"] == REFUSED else result["status"])


def _describe(span: Span, item: QuoteItem, result: answers.Members | Quote, at: Snapshot) -> None:
    attributes: dict[str, Any] = {
        "fx.pair": f"{item['source_currency'][:3]}/{item['destination_currency'][:3]}",
        "fx.result": _outcome(result),
        "fx.source": result.source if isinstance(result, Quote) else "",
        "config.revision": at.table.revision,
    }
    span.set_attributes(attributes)

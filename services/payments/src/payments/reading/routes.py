"""The routes of payments that only read: payments, lists, exports, events and figures."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated

from fastapi import Header, Path, Query, Response

from kurs.kernel.accounts import shown
from kurs.kernel.caller import Caller, CallerDep, MerchantRequired
from kurs.kernel.errors import (
    CursorInvalid,
    FieldError,
    Overloaded,
    Unavailable,
    Unprocessable,
    problem_responses,
)
from kurs.kernel.ids import PaymentId
from kurs.kernel.validation import read_amount
from kurs.web.csv_stream import DOCUMENTED, Bare, csv_answer
from kurs.web.parts import from_app
from kurs.web.routing import router
from payments.answers import payment_answer
from payments.domain.figures import EVERYBODY
from payments.errors import PaymentNotFound
from payments.events.answers import EventTeller
from payments.events.feed import EventFeed
from payments.events.schemas import (
    MAX_POSITION,
    EventAnswer,
    EventListQuery,
    EventQuery,
    EventsAnswer,
)
from payments.events.stream import HEADERS, EventStream, stream_of
from payments.figures.answers import figures_answer
from payments.figures.counting import Figures
from payments.figures.schemas import FiguresAnswer, FiguresQuery
from payments.reading.answers import COLUMNS, csv_row, explain_answer, refund_entry
from payments.reading.cursors import read_cursor, write_cursor
from payments.reading.explanation import Explanations
from payments.reading.schemas import (
    ExplainAnswer,
    PaymentFilter,
    PaymentQuery,
    RefundQuery,
    RefundsAnswer,
)
from payments.reading.service import PaymentReads
from payments.schemas import PaymentAnswer, PaymentsAnswer
from payments.service import PaymentService
from payments.store.lists import Cut, Filter, words_of

Reads = Annotated[PaymentReads, from_app(PaymentReads)]
PaymentPath = Annotated[PaymentId, Path()]
_LONGEST_POSITION = len(str(MAX_POSITION))

read_routes = router(tags=["payments"], responses=problem_responses(MerchantRequired))


@read_routes.get("/payments", summary="List payments", responses=problem_responses(CursorInvalid))
async def list_payments(
    caller: CallerDep, reads: Reads, query: Annotated[PaymentQuery, Query()]
) -> PaymentsAnswer:
    """List payments, newest first unless asked otherwise, narrowed to what is asked for."""
    cut = Cut(read_cursor(query.cursor), query.limit, query.order == "oldest")
    page = await reads.list(_filter(caller, query), cut)
    return PaymentsAnswer(
        items=[
            payment_answer(found.payment, full=caller.sees_all, waiting=found.waiting)
            for found in page.items
        ],
        next_cursor=write_cursor(page.end),
    )


@read_routes.get(
    "/payments.csv",
    summary="Export payments as CSV",
    response_class=Response,
    responses={**DOCUMENTED, **problem_responses(Overloaded)},
)
async def export_payments(
    caller: CallerDep,
    reads: Reads,
    query: Annotated[PaymentFilter, Query()],
    bare: Bare = None,
) -> Response:
    """Export the whole list as CSV, as it is read; a text that begins like a formula gets a `'`."""
    wanted = _filter(caller, query)

    async def pages() -> AsyncIterator[Sequence[Sequence[str]]]:
        if bare:
            return
        async for found in reads.all(wanted, oldest_first=query.order == "oldest"):
            yield [csv_row(each) for each in found]

    rows = None if bare else await reads.count(wanted)
    return csv_answer("payments", COLUMNS, pages(), rows=rows)


@read_routes.get(
    "/payments/events",
    response_class=EventStream,
    responses={
        200: {"model": EventAnswer, "description": "text/event-stream of such events"},
        **problem_responses(Unavailable),
    },
)
async def follow_events(
    caller: CallerDep,
    feed: Annotated[EventFeed, from_app(EventFeed)],
    teller: Annotated[EventTeller, from_app(EventTeller)],
    query: Annotated[EventQuery, Query()],
    last_event_id: Annotated[str | None, Header()] = None,
) -> EventStream:
    """Stream events; a client that reconnects with Last-Event-ID misses nothing."""
    known = _position(last_event_id)
    if feed.draining:
        raise Unavailable("this replica is ending: open it again", headers={"Retry-After": "1"})
    asked, newest = query.after if known is None else known, await feed.now()
    events = stream_of(feed, teller, caller.merchant, asked, newest, full=caller.sees_all)
    return EventStream(events, headers=HEADERS)


@read_routes.get(
    "/events",
    response_class=Response,
    responses={200: {"model": EventsAnswer, "description": "Events, oldest first"}},
)
async def list_events(
    caller: CallerDep,
    feed: Annotated[EventFeed, from_app(EventFeed)],
    teller: Annotated[EventTeller, from_app(EventTeller)],
    query: Annotated[EventListQuery, Query()],
) -> Response:
    """List events; each has the bytes that the stream and a webhook send."""
    types = () if query.type is None else (query.type,)
    full = caller.sees_all
    page = await feed.page(caller.merchant, query.after, query.limit, types, full=full)
    body = teller.page(page, full=full)
    return Response(body, media_type="application/json")


@read_routes.get(
    "/payments/{payment_id}",
    response_model=PaymentAnswer,
    responses=problem_responses(PaymentNotFound),
)
async def read_payment(
    payment_id: PaymentPath,
    caller: CallerDep,
    service: Annotated[PaymentService, from_app(PaymentService)],
) -> PaymentAnswer:
    """Return a payment."""
    found = await service.find(caller, payment_id)
    return payment_answer(found.payment, full=caller.sees_all, waiting=found.waiting)


@read_routes.get(
    "/payments/{payment_id}/refunds",
    summary="List the refunds of a payment",
    responses=problem_responses(PaymentNotFound, CursorInvalid),
)
async def list_refunds(
    payment_id: PaymentPath,
    caller: CallerDep,
    reads: Reads,
    query: Annotated[RefundQuery, Query()],
) -> RefundsAnswer:
    """List what was given back, and what was asked to be, the oldest first."""
    after = read_cursor(query.cursor)
    found, page, end = await reads.refunds(caller, payment_id, after, query.limit)
    return RefundsAnswer(
        items=[refund_entry(each, found.payment) for each in page], next_cursor=write_cursor(end)
    )


@read_routes.get(
    "/payments/{payment_id}/explain",
    summary="Explain a payment",
    response_model=ExplainAnswer,
    responses=problem_responses(PaymentNotFound),
)
async def explain_payment(
    payment_id: PaymentPath,
    caller: CallerDep,
    explanations: Annotated[Explanations, from_app(Explanations)],
) -> ExplainAnswer:
    """Tell a payment's whole story: what it waits for, who did what when, and what it moved."""
    return explain_answer(await explanations.explain(caller, payment_id), caller)


@read_routes.get("/figures", summary="Read figures")
async def read_figures(
    caller: CallerDep,
    figures: Annotated[Figures, from_app(Figures)],
    query: Annotated[FiguresQuery, Query()],
) -> FiguresAnswer:
    """Tell volume, success, times and spread of the last hour, day or week, by corridor."""
    if query.of == "all":
        caller.require("audit")
    whose = EVERYBODY if query.of == "all" else caller.merchant
    return figures_answer(await figures.read(whose, query.period), query.of)


def _position(last_event_id: str | None) -> int | None:
    """Return the sequence that a client saw last; None without one, as an empty text is, too."""
    text = (last_event_id or "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= _LONGEST_POSITION):
        hint = "send the id of the last event as it came, or leave the header out"
        raise _unfit("Last-Event-ID", "it is no id of an event of the stream", hint)
    return min(int(text), MAX_POSITION)


def _filter(caller: Caller, query: PaymentFilter) -> Filter:
    """Return what is asked for; raises Unprocessable for what means nothing."""
    words = () if query.text is None else words_of(query.text)
    if query.text is not None and not words:
        raise _unfit("text", "it has no letter and no digit", "write a word to look for")
    return Filter(
        merchant=caller.merchant,
        status=query.stored_status,
        account=query.account and shown(caller.merchant, query.account),
        currency=query.currency,
        amount_min=_minor(query.amount_min, query.currency, "amount_min"),
        amount_max=_minor(query.amount_max, query.currency, "amount_max"),
        since=query.created_after,
        until=query.created_before,
        failure_code=query.failure_code,
        words=words,
    )


def _minor(amount: str | None, currency: str | None, field: str) -> int | None:
    if amount is None:
        return None
    if currency is None:
        hint = "add currency=USD, or another: amounts are compared within one"
        raise _unfit(field, "it is no amount without a currency", hint)
    return read_amount(amount, currency, field)


def _unfit(field: str, message: str, hint: str) -> Unprocessable:
    return Unprocessable(f"check {field}", errors=[FieldError(field, message, hint)])

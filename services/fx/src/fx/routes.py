"""The routes that merchants reach through the gateway: parse, call the service once, answer."""

from typing import Annotated

from fastapi import Header, Query

from fx import answers
from fx.board import RateBoard
from fx.domain.refusals import Refusal
from fx.errors import (
    AmountTooLarge,
    AmountTooSmall,
    ExposureExceeded,
    NoRates,
    PairNotSupported,
    SameCurrency,
    StaleRate,
    refusal_problem,
)
from fx.schemas import (
    ConversionAnswer,
    ConvertQuery,
    QuoteAnswer,
    QuoteRequest,
    RateAnswer,
    RateQuery,
    RatesAnswer,
)
from fx.service import Inquiry, NotOneAmount, RateService, fixed_side
from kurs.kernel.caller import ROLES_HEADER, CallerDep, MerchantRequired
from kurs.kernel.errors import FieldError, Unprocessable, problem_responses
from kurs.kernel.money import InvalidAmount, parse_amount
from kurs.kernel.validation import amount_problem, read_amount
from kurs.quotes.token import Quote
from kurs.web.parts import from_app
from kurs.web.routing import router

_PAIR_PROBLEMS = problem_responses(
    Unprocessable, SameCurrency, PairNotSupported, StaleRate, NoRates
)
_PRICE_PROBLEMS = problem_responses(
    Unprocessable,
    SameCurrency,
    PairNotSupported,
    AmountTooSmall,
    AmountTooLarge,
    StaleRate,
    NoRates,
)
RatesDep = Annotated[RateService, from_app(RateService)]
BoardDep = Annotated[RateBoard, from_app(RateBoard)]
# Risk asks without a caller.
Roles = Annotated[str, Header(alias=ROLES_HEADER, include_in_schema=False)]

routes = router(tags=["fx"])


@routes.get("/rate", summary="What is one base worth?", responses=_PAIR_PROBLEMS)
async def rate(query: Annotated[RateQuery, Query()], service: RatesDep) -> RateAnswer:
    """Return the rate in force of a pair."""
    at = service.snapshot()
    try:
        pair = service.rate(query.base, query.quote, at)
    except Refusal as refusal:
        raise refusal_problem(refusal, {"destination_currency": "quote"}) from None
    return answers.rate_answer(pair, at.now, at.table.revision)


@routes.get("/convert", summary="What would an amount buy?", responses=_PRICE_PROBLEMS)
async def convert(query: Annotated[ConvertQuery, Query()], service: RatesDep) -> ConversionAnswer:
    """Return what an amount would buy now; no promise."""
    fields = {"destination_currency": "to", "source_amount": "amount"}
    at = service.snapshot()
    try:
        minor = read_amount(query.amount, query.from_, "amount")
        pair, converted_minor = service.convert(query.from_, query.to, minor, at)
    except Refusal as refusal:
        raise refusal_problem(refusal, fields) from None
    return answers.conversion_answer(pair, minor, converted_minor, at.table.revision)


@routes.get("/rates", summary="All quoted pairs and their sources")
async def rates(service: RatesDep, board: BoardDep, roles: Roles = "") -> RatesAnswer:
    """Return every quoted pair with the rate in force, and the state of each source."""
    at, full = service.snapshot(), "audit" in roles.split(",")
    return RatesAnswer(
        rates=answers.listed_rates(at.table, at.now),
        config_revision=at.table.revision,
        last_edit=board.document and board.document.last_edit(),
        sources=[answers.source_health(feed, board.state(feed), full=full) for feed in board.feeds],
    )


@routes.post(
    "/quotes",
    summary="Fix a rate for a while",
    responses={**_PRICE_PROBLEMS, **problem_responses(MerchantRequired, ExposureExceeded)},
)
async def quote(body: QuoteRequest, caller: CallerDep, service: RatesDep) -> QuoteAnswer:
    """Return a signed quote, which a payment of this merchant may use until it expires."""
    return answers.quote_answer(*_quote(service, body, caller.merchant))


def _quote(service: RateService, body: QuoteRequest, merchant: str) -> tuple[Quote, str]:
    field = "source_amount"
    try:
        side, amount = fixed_side(body.source_amount, body.destination_amount)
        field = f"{side.value}_amount"
        currency = getattr(body, f"{side.value}_currency")
        minor = parse_amount(amount, currency)
        inquiry = Inquiry(merchant, body.source_currency, body.destination_currency, side, minor)
        return service.quote(inquiry)
    except NotOneAmount as error:
        hint = "keep the amount that must not change"
        raise Unprocessable(str(error), errors=[FieldError(field, str(error), hint)]) from None
    except InvalidAmount as error:
        raise amount_problem(error, field) from None
    except Refusal as refusal:
        raise refusal_problem(refusal, {}) from None

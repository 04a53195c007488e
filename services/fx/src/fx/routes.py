"""HTTP of fx: parse, call the service once, answer."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import TypeAdapter
from pydantic_core import to_json

from fx.domain.refusals import Refusal
from fx.errors import (
    AmountTooLargeProblem,
    AmountTooSmallProblem,
    ExposureExceededProblem,
    NoRatesProblem,
    PairNotSupportedProblem,
    SameCurrencyProblem,
    StaleRateProblem,
    amount_problem,
    refusal_problem,
)
from fx.schemas import (
    BatchAnswer,
    ConversionAnswer,
    ConvertQuery,
    QuoteAnswer,
    QuoteBatch,
    QuoteItem,
    QuoteRequest,
    RateAnswer,
    RateQuery,
    RatesAnswer,
)
from fx.service import NotOneAmount, Order, RateService, fixed_side
from kurs.contracts.batch import read_items
from kurs.kernel.caller import ROLES_HEADER, CallerDep, MerchantRequired
from kurs.kernel.clock import monotonic
from kurs.kernel.errors import FieldError, Unprocessable, problem_responses
from kurs.kernel.money import InvalidAmount, parse_amount
from kurs.web.direct import json_body
from kurs.web.routing import router

_PAIR_PROBLEMS = problem_responses(
    Unprocessable, SameCurrencyProblem, PairNotSupportedProblem, StaleRateProblem, NoRatesProblem
)
_PRICE_PROBLEMS = problem_responses(
    Unprocessable,
    SameCurrencyProblem,
    PairNotSupportedProblem,
    AmountTooSmallProblem,
    AmountTooLargeProblem,
    StaleRateProblem,
    NoRatesProblem,
)
# Risk asks without a caller.
Roles = Annotated[str, Header(alias=ROLES_HEADER, include_in_schema=False)]
_BATCH = TypeAdapter(QuoteBatch)
_ITEM = TypeAdapter(QuoteItem)


def rates_router(service: RateService) -> APIRouter:
    """Return the routes that tell what money is worth."""
    routes = router(tags=["rates"])

    @routes.get("/rate", summary="What is one base worth?", responses=_PAIR_PROBLEMS)
    async def rate(query: Annotated[RateQuery, Query()]) -> RateAnswer:
        try:
            return RateAnswer(**service.rate(query.base, query.quote))
        except Refusal as refusal:
            raise refusal_problem(refusal, {"destination_currency": "quote"}) from None

    @routes.get("/convert", summary="What would an amount buy?", responses=_PRICE_PROBLEMS)
    async def convert(query: Annotated[ConvertQuery, Query()]) -> ConversionAnswer:
        fields = {"destination_currency": "to", "source_amount": "amount"}
        try:
            minor = parse_amount(query.amount, query.from_)
            return ConversionAnswer(**service.convert(query.from_, query.to, minor))
        except InvalidAmount as error:
            raise amount_problem(error, "amount") from None
        except Refusal as refusal:
            raise refusal_problem(refusal, fields) from None

    @routes.get("/rates", summary="All quoted pairs and their sources")
    async def rates(roles: Roles = "") -> RatesAnswer:
        return RatesAnswer(**service.rates(full="audit" in roles.split(",")))

    return routes


def quotes_router(service: RateService) -> APIRouter:
    """Return the routes that promise a rate."""
    routes = router(tags=["quotes"])

    @routes.post(
        "/quotes",
        summary="Fix a rate for a while",
        responses={
            **_PRICE_PROBLEMS,
            **problem_responses(MerchantRequired, ExposureExceededProblem),
        },
    )
    async def quote(order: QuoteRequest, caller: CallerDep) -> QuoteAnswer:
        return QuoteAnswer(**_quote(service, order, caller.merchant))

    @routes.post(
        "/quotes/batch",
        summary="Many quotes at once, between services",
        response_model=BatchAnswer,
        openapi_extra={"requestBody": json_body(QuoteBatch)},
    )
    async def quote_batch(request: Request) -> Response:
        arrived = monotonic()
        # Straight from bytes to items and back: this route is on the way of every payment.
        items = read_items(_BATCH, _ITEM, await request.body())
        results = service.quote_batch(items, arrived)
        return Response(to_json({"results": results}), media_type="application/json")

    return routes


def _quote(service: RateService, order: QuoteRequest, merchant: str) -> dict[str, Any]:
    field = "source_amount"
    try:
        side, amount = fixed_side(order.source_amount, order.destination_amount)
        field = f"{side.value}_amount"
        currency = getattr(order, f"{side.value}_currency")
        minor = parse_amount(amount, currency)
        order_of = Order(merchant, order.source_currency, order.destination_currency, side, minor)
        return service.quote(order_of)
    except NotOneAmount as error:
        hint = "keep the amount that must not change"
        raise Unprocessable(str(error), errors=[FieldError(field, str(error), hint)]) from None
    except InvalidAmount as error:
        raise amount_problem(error, field) from None
    except Refusal as refusal:
        raise refusal_problem(refusal, {}) from None

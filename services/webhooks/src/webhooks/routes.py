"""The routes that merchants reach through the gateway: parse, call the service once, answer."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from kurs.data.failures import DatabaseUnavailable
from kurs.kernel.caller import CallerDep, MerchantRequired
from kurs.kernel.errors import CursorInvalid, Overloaded, problem_responses
from kurs.web.parts import from_app
from kurs.web.routing import router
from webhooks import answers
from webhooks.cursors import read_cursor
from webhooks.errors import DeliveryNotFound, DestinationNotFound
from webhooks.schemas import (
    DeliveriesAnswer,
    DeliveryQuery,
    DestinationsAnswer,
    RedeliverAnswer,
    RedeliverRequest,
    ReplayAnswer,
    ReplayRequest,
    TestAnswer,
    TestEvent,
    TestRequest,
)
from webhooks.service import WebhookService

ServiceDep = Annotated[WebhookService, from_app(WebhookService)]
Name = Annotated[str, Path(max_length=300)]
_PLAIN = RedeliverRequest()
_TEST = TestRequest()

routes = router(
    tags=["webhooks"], responses=problem_responses(MerchantRequired, DatabaseUnavailable)
)


@routes.get("/event-destinations", response_model=DestinationsAnswer)
async def list_destinations(caller: CallerDep, service: ServiceDep) -> DestinationsAnswer:
    """Say where the merchant's events go, and how that does."""
    return answers.destinations_answer(await service.list_destinations(caller))


@routes.get(
    "/deliveries",
    response_model=DeliveriesAnswer,
    responses=problem_responses(DestinationNotFound, CursorInvalid),
)
async def list_deliveries(
    caller: CallerDep, service: ServiceDep, query: Annotated[DeliveryQuery, Query()]
) -> DeliveriesAnswer:
    """List deliveries, newest first, with the last answer to each and when it is tried next."""
    rows = await service.list_deliveries(caller, query, read_cursor(query.before))
    return answers.deliveries_answer(rows, query.limit)


@routes.post(
    "/deliveries/{delivery_id}/redeliver",
    response_model=RedeliverAnswer,
    status_code=202,
    responses=problem_responses(DeliveryNotFound),
)
async def redeliver(
    delivery_id: Name, caller: CallerDep, service: ServiceDep, _body: RedeliverRequest = _PLAIN
) -> RedeliverAnswer:
    """Send an event again: the same bytes, marked as a replay."""
    await service.redeliver(caller, delivery_id)
    return RedeliverAnswer(delivery_id=delivery_id)


@routes.post(
    "/event-destinations/{destination}/replay",
    response_model=ReplayAnswer,
    status_code=202,
    responses=problem_responses(DestinationNotFound),
)
async def replay(
    destination: Name, body: ReplayRequest, caller: CallerDep, service: ServiceDep
) -> ReplayAnswer:
    """Send again what came after a sequence, as far as it is kept."""
    return answers.replay_answer(await service.replay(caller, destination, body.after))


@routes.post(
    "/event-destinations/{destination}/test",
    response_model=TestAnswer,
    responses=problem_responses(DestinationNotFound, Overloaded),
)
async def send_test(
    destination: Name, caller: CallerDep, service: ServiceDep, _body: TestRequest = _TEST
) -> TestAnswer:
    """Send a test event at once, also where events wait, and say what was answered."""
    return answers.trial_answer(await service.send_test(caller, destination))


sent = APIRouter(tags=["webhooks"])
"""What this service sends of its own, as `FastAPI.webhooks` takes it."""


@sent.post(
    "destination.test",
    status_code=204,
    summary="Destination test",
    response_description="It was taken; it is sent once, whatever is answered",
)
async def receive_test(body: TestEvent) -> None:
    """Take a test event; `webhook-id`, `webhook-timestamp` and `webhook-signature` prove it."""

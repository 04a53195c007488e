"""The OpenAPI document has a webhook for each type, and what is sent fits its schema."""

import json
from pathlib import Path
from typing import Any

import jsonschema
from tests.payments.harness import gateway_over
from tests.payments.test_events import live

from api_gateway.catalogue import Catalogue
from kurs.contracts.payments import EventType
from kurs_testing.joined import PAYMENTS, JoinedGateway
from kurs_testing.parts import part
from payments.reconciliation.ledger_reader import LedgerReader
from webhooks.domain.delivery import Delivery

OWN = "destination.test"


async def document_of(gateway: JoinedGateway) -> Any:
    catalogue = part(gateway.apps["api-gateway"], Catalogue)
    await catalogue.refresh()
    return catalogue.current.document


def body_of(event: dict[str, Any]) -> Any:
    """Return what is sent of an event as the feed has it."""
    sent = Delivery(
        destination="orders",
        sequence=event["sequence"],
        previous=None,
        event_id=event["id"],
        payment_id=event["payment_id"],
        event=event["body"],
        happened_at=event["at"],
        attempts=0,
        replays=0,
    )
    return json.loads(sent.body)


async def test_each_type_has_a_webhook_that_what_is_sent_fits(
    tmp_path: Path, sqlite_url: str
) -> None:
    async with gateway_over(sqlite_url, tmp_path, {}, USD="1.00") as gateway:
        document = await document_of(gateway)
        await live(gateway)
        await part(gateway.apps["payments"], LedgerReader).look()
        fed = (await gateway.send(PAYMENTS, "GET", "/events/feed?after=0&limit=200")).json()

    types = {*map(str, EventType)} - {EventType.REQUESTED}
    assert {*document["webhooks"]} == types | {OWN}
    sent = [event for event in fed["events"] if event["type"] != EventType.REQUESTED]
    for event in sent:
        operation = document["webhooks"][event["type"]]["post"]
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        whole = {**schema, "components": document["components"]}
        jsonschema.Draft202012Validator(whole).validate(body_of(event))
    assert {EventType.CAPTURED, EventType.DEPOSIT_SUCCEEDED} <= {event["type"] for event in sent}
    assert len({event["type"] for event in sent}) >= 6, {event["type"] for event in sent}

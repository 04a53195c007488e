"""A batch that a service does not read is split: what is wrong with it fails alone."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from kurs.calls import Deadline, Request
from kurs.kernel.currencies import currencies
from kurs.kernel.decoder import MAX_BATCH_VALUES
from kurs.telemetry import Trace
from kurs_testing.asgi import FaultKind
from kurs_testing.joined import RISK, JoinedGateway
from kurs_testing.parts import part
from payments.clients import BatchClient, Unanswered, Unusable

SAMPLES = Path(__file__).parents[1] / "data" / "resources"
CURRENCIES = [currency.code for currency in currencies() if currency.payable]
JUDGED = {"status": "judged", "within": True}


class Asker(NamedTuple):
    deadline: Deadline
    trace: Trace


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[JoinedGateway]:
    async with JoinedGateway(tmp_path, SAMPLES) as joined:
        yield joined


def item(merchant: str, times: int = 1) -> dict[str, Any]:
    """Return a question about a merchant that holds something of every currency open."""
    held = [{"currency": code, "amount_minor": 1} for code in CURRENCIES * times]
    return {"merchant": merchant, "currency": "USD", "exposure": held}


async def ask(gateway: JoinedGateway, items: list[dict[str, Any]]) -> list[Any]:
    client = part(gateway.apps["payments"], BatchClient, "risk-exposure")
    return await client.ask(items, [Asker(Deadline.after(60), Trace.here())] * len(items))


async def test_a_full_batch_of_merchants_with_every_currency_is_answered(
    gateway: JoinedGateway,
) -> None:
    assert len(CURRENCIES) == 165
    answers = await ask(gateway, [item(f"m{n}") for n in range(200)])

    assert [answer for answer in answers if answer != JUDGED] == []


async def test_an_item_that_no_body_may_hold_fails_alone(gateway: JoinedGateway) -> None:
    items = [{**item(f"m{n}"), "exposure": []} for n in range(50)]
    items[17] = item("huge", times=MAX_BATCH_VALUES // len(CURRENCIES))

    answers = await ask(gateway, items)

    refused = answers.pop(17)
    assert (type(refused), str(refused)) == (Unusable, "risk-exposure: answered 400")
    assert [answer for answer in answers if answer != JUDGED] == []


async def test_a_part_without_an_answer_leaves_the_other_its_own(gateway: JoinedGateway) -> None:
    asked = 0

    def second_half(request: Request) -> bool:
        nonlocal asked
        asked += request.url.endswith("/exposure/batch")
        return asked > 2

    gateway.transport.inject(RISK, FaultKind.UNREACHABLE, matches=second_half)

    answers = await ask(gateway, [item(f"m{n}") for n in range(120)])

    assert answers[:60] == [JUDGED] * 60
    assert {type(answer) for answer in answers[60:]} == {Unanswered}

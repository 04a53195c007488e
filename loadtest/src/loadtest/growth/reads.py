"""The questions that a shop, an operator and the console ask, and how long each takes."""

import time
from collections.abc import Mapping
from typing import NamedTuple

from loadtest.client import GatewayClient
from loadtest.measures import Latency, latency

_TIMES = 15


class Question(NamedTuple):
    """One GET; `name` says what it asks for."""

    name: str
    path: str


def questions(payment_id: str, account_id: str, long_ago: str) -> list[Question]:
    """Return all questions, about a payment, an account and a moment (RFC 3339) that there are."""
    return [
        Question("a payment", f"/payments/{payment_id}"),
        Question("its story", f"/payments/{payment_id}/explain"),
        Question("the newest payments", "/payments?limit=50"),
        Question("of a rare status", "/payments?status=VOIDED&limit=50"),
        Question("the queue of reviews", "/payments?status=REVIEW&order=oldest&limit=50"),
        Question("of long ago", f"/payments?created_before={long_ago}&limit=50"),
        Question("a text that few have", "/payments?text=unheard-of&limit=50"),
        Question("an account's payments", f"/payments?account={account_id}&limit=50"),
        Question("the accounts", "/accounts?limit=50"),
        Question("an account's balances", f"/balance/{account_id}"),
        Question("an account's entries", f"/accounts/{account_id}/entries?limit=50"),
        Question("the house's entries", "/accounts/house:liquidity/entries?limit=50"),
        Question("the trial balance", "/ledger/trial-balance"),
        Question("events from the first on", "/events?after=0&limit=100"),
    ]


async def ask(client: GatewayClient, asked: list[Question]) -> Mapping[str, Latency]:
    """Ask each question some times, and return how long it took."""
    return {question.name: await _ask(client, question) for question in asked}


async def _ask(client: GatewayClient, question: Question) -> Latency:
    took = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        await client.get(question.path)
        took.append(time.perf_counter() - began)
    return latency(took)

"""The yardstick: the same chain of five services, written the plain way, storing nothing.

FastAPI with pydantic models, one shared httpx client per service, one call after the other,
uvicorn with its defaults (uvloop and httptools where installed) and the access log off. It has
no ledger, no idempotency, no keys, no metrics and no traces: what remains is the price of the
hops. `python -m loadtest.naive payments --port 9001` runs one of them.
"""

import argparse
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Annotated

import httpx
import uvicorn
from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel

SERVICES = ("risk", "fx", "wallet", "payments", "gateway")
"""In the order in which they start; each knows the others by NAIVE_<NAME>_URL."""


class Payment(BaseModel):
    """What a client posts."""

    payment_id: str
    amount: Decimal
    currency: str
    source_account: str
    destination_account: str
    destination_currency: str = "EUR"


class Decision(BaseModel):
    """What risk answers."""

    payment_id: str
    decision: str
    score: int


class QuoteRequest(BaseModel):
    """What payments asks fx."""

    source_currency: str
    destination_currency: str
    source_amount: Decimal


class Quote(BaseModel):
    """What fx answers."""

    rate: Decimal
    destination_amount: Decimal


class Posting(BaseModel):
    """One movement of a transfer."""

    account_id: str
    currency: str
    amount: Decimal


class Transfer(BaseModel):
    """What payments asks wallet."""

    transfer_id: str
    postings: list[Posting]


class Receipt(BaseModel):
    """What wallet answers."""

    transfer_id: str
    status: str


class PaymentAnswer(BaseModel):
    """What a client gets."""

    payment_id: str
    status: str
    amount: Decimal
    currency: str
    destination_amount: Decimal
    destination_currency: str


@asynccontextmanager
async def _shared_client(app: FastAPI) -> AsyncIterator[None]:
    async with httpx.AsyncClient(timeout=10) as client:
        app.state.client = client
        yield


def _client(request: Request) -> httpx.AsyncClient:
    client: httpx.AsyncClient = request.app.state.client
    return client


Client = Annotated[httpx.AsyncClient, Depends(_client)]


async def score(payment: Payment) -> Decision:
    """Approve every payment."""
    return Decision(payment_id=payment.payment_id, decision="approve", score=0)


async def quote(wanted: QuoteRequest) -> Quote:
    """Quote one fixed rate."""
    rate = Decimal("1.0837")
    return Quote(rate=rate, destination_amount=round(wanted.source_amount * rate, 2))


async def transfer(wanted: Transfer) -> Receipt:
    """Check that the postings sum to zero in every currency, and forget them."""
    sums: dict[str, Decimal] = {}
    for posting in wanted.postings:
        sums[posting.currency] = sums.get(posting.currency, Decimal(0)) + posting.amount
    assert not any(sums.values())
    return Receipt(transfer_id=wanted.transfer_id, status="applied")


async def pay(payment: Payment, client: Client) -> PaymentAnswer:
    """Ask risk, then fx, then wallet."""
    body = payment.model_dump(mode="json")
    decision = Decision.model_validate(await _ask(client, "risk", "/score", body))
    assert decision.decision == "approve"
    wanted = QuoteRequest(
        source_currency=payment.currency,
        destination_currency=payment.destination_currency,
        source_amount=payment.amount,
    )
    quoted = Quote.model_validate(
        await _ask(client, "fx", "/quotes", wanted.model_dump(mode="json"))
    )
    moved = Transfer(transfer_id=payment.payment_id, postings=_postings(payment, quoted))
    receipt = Receipt.model_validate(
        await _ask(client, "wallet", "/transfers", moved.model_dump(mode="json"))
    )
    assert receipt.status == "applied"
    return PaymentAnswer(
        payment_id=payment.payment_id,
        status="CAPTURED",
        amount=payment.amount,
        currency=payment.currency,
        destination_amount=quoted.destination_amount,
        destination_currency=payment.destination_currency,
    )


async def forward(payment: Payment, client: Client) -> PaymentAnswer:
    """Pass a payment on."""
    body = payment.model_dump(mode="json")
    return PaymentAnswer.model_validate(await _ask(client, "payments", "/payments", body))


async def ready() -> dict[str, str]:
    """Say that the process serves."""
    return {"status": "ready"}


def create_app(service: str) -> FastAPI:
    """Return one of the five apps."""
    app = FastAPI(title=f"naive {service}", lifespan=_shared_client)
    app.get("/readyz")(ready)
    if service == "risk":
        app.post("/score")(score)
    elif service == "fx":
        app.post("/quotes")(quote)
    elif service == "wallet":
        app.post("/transfers")(transfer)
    elif service == "payments":
        app.post("/payments")(pay)
    else:
        app.post("/payments")(forward)
    return app


def main() -> None:
    """Run one service until a signal ends it."""
    parser = argparse.ArgumentParser(prog="naive", description=__doc__)
    parser.add_argument("service", choices=SERVICES)
    parser.add_argument("--port", type=int, required=True)
    chosen = parser.parse_args()
    uvicorn.run(
        create_app(chosen.service),
        host="127.0.0.1",
        port=chosen.port,
        access_log=False,
        log_level="warning",
    )


async def _ask(client: httpx.AsyncClient, service: str, path: str, body: object) -> object:
    response = await client.post(os.environ[f"NAIVE_{service.upper()}_URL"] + path, json=body)
    response.raise_for_status()
    answer: object = response.json()
    return answer


def _postings(payment: Payment, quoted: Quote) -> list[Posting]:
    paid, received = payment.amount, quoted.destination_amount
    source, destination = payment.currency, payment.destination_currency
    return [
        Posting(account_id=payment.source_account, currency=source, amount=-paid),
        Posting(account_id="liquidity", currency=source, amount=paid),
        Posting(account_id="liquidity", currency=destination, amount=-received),
        Posting(account_id=payment.destination_account, currency=destination, amount=received),
    ]


if __name__ == "__main__":
    main()

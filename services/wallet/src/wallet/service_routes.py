"""The routes between services: batches in, batches out. The gateway does not forward to them."""

from typing import Annotated

from fastapi import Path, Query, Request, Response
from pydantic_core import to_json

from kurs.contracts.batch import read_batch
from kurs.contracts.wallet import TransferResult
from kurs.contracts.wallet_reads import (
    AccountLookup,
    ChainAnswer,
    ChainsAnswer,
    HeadAnswer,
    LookupAnswer,
)
from kurs.kernel.clock import monotonic
from kurs.kernel.errors import Unavailable, Unprocessable, problem_responses
from kurs.kernel.ids import TransferId
from kurs.web.direct import direct_post
from kurs.web.parts import from_app, part_of
from kurs.web.routing import router
from wallet import answers
from wallet.batches import BatchTransfers
from wallet.directory import AccountDirectory, written_by
from wallet.errors import TransferNotFound
from wallet.publication import HeadPublisher
from wallet.routes import LedgerDep
from wallet.schemas import batch
from wallet.store.tables import STRIPES

Chain = Annotated[int, Path(ge=-1, lt=STRIPES)]
Link = Annotated[int, Query(ge=0, le=2**53, description="A link's number.")]
Limit = Annotated[int, Query(ge=1, le=5_000)]
HeadsDep = Annotated[HeadPublisher, from_app(HeadPublisher)]

service_routes = router(tags=["between services"], responses=problem_responses(Unavailable))


@direct_post(
    service_routes,
    "/transfers/batch",
    body=batch.TransferBatch,
    summary="Apply transfers, each alone, in as few transactions as possible",
    response_model=batch.BatchAnswer,
)
async def transfers(request: Request) -> Response:
    """Return one result per item, in order."""
    # Straight from bytes to items and back: this route is on the way of every payment.
    arrived = monotonic()
    body = await part_of(request, BatchTransfers).answer(await request.body(), arrived)
    return Response(body, media_type="application/json")


@direct_post(
    service_routes,
    "/accounts/lookup",
    body=AccountLookup,
    summary="Find accounts, whoever owns them",
    response_model=LookupAnswer,
)
async def lookup(request: Request) -> Response:
    """Return each account that is asked for, or null, in order."""
    body = read_batch(batch.LOOKUP, await request.body())
    directory = part_of(request, AccountDirectory)
    found = await directory.find([written_by(*named) for named in body.named])
    answer = to_json({"accounts": [answers.found_account(a) for a in found]})
    return Response(answer, media_type="application/json")


@service_routes.get(
    "/transfers/{transfer_id}",
    summary="What is stored under a transfer's id",
    responses={200: {"model": TransferResult}, **problem_responses(TransferNotFound)},
)
async def transfer(transfer_id: Annotated[TransferId, Path()], ledger: LedgerDep) -> Response:
    """Return the outcome that the ledger keeps."""
    outcome = await ledger.transfer(transfer_id)
    return Response(to_json(answers.transfer_result(outcome)), media_type="application/json")


@service_routes.get("/internal/head", summary="Where the chains ended at the last look, signed")
async def head(heads: HeadsDep) -> HeadAnswer:
    """Return the latest signed head; nothing before there is one."""
    return answers.head(heads.latest)


@service_routes.get("/chains", summary="The hash chains over all transfers, and where each ends")
async def chains(ledger: LedgerDep) -> ChainsAnswer:
    """Return the number of the last link of each chain."""
    tips = await ledger.chain_tips()
    return ChainsAnswer(chains={tip.chain: tip.sequence for tip in tips})


# A release before this one asks without `links`, and for deposits by the second path. It is told of
# nothing new, and waits: what it took for read would be read by nobody else.
@service_routes.get(
    "/chains/{chain}/transfers",
    summary="Links of one chain in the order of their commits, with their deposits",
    responses=problem_responses(Unprocessable),
)
@service_routes.get("/chains/{chain}/deposits", include_in_schema=False)
async def chained(
    ledger: LedgerDep,
    chain: Chain,
    after: Link = 0,
    limit: Limit = 500,
    *,
    links: bool = False,
) -> ChainAnswer:
    """Return what was committed after a link, whole links at a time."""
    if not links:
        return ChainAnswer(until=after)
    return answers.chained(await ledger.chained(chain, after, limit))

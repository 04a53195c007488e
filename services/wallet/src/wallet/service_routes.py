"""The routes between services: batches in, batches out. The gateway does not forward to them."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic_core import to_json

from kurs.contracts.batch import Misfit, expires_at, read_batch, read_items
from kurs.kernel.clock import monotonic, to_rfc3339
from kurs.kernel.errors import Unavailable, Unprocessable, problem_responses
from kurs.kernel.ids import TransferId
from kurs.quotes.token import InvalidToken, QuoteVerifier
from kurs.web.direct import direct_post
from kurs.web.routing import router
from wallet import answers
from wallet.directory import written_by
from wallet.domain.evaluate import stored_outcome
from wallet.domain.transfers import Kind
from wallet.errors import TransferNotFound
from wallet.ledger import Submission
from wallet.publication import HeadPublisher
from wallet.schemas import batch
from wallet.service import Wallet
from wallet.store import chain as chain_store
from wallet.store import reports
from wallet.store.tables import STRIPES

_KINDS = frozenset(kind.value for kind in Kind)


def service_routes(wallet: Wallet, quotes: QuoteVerifier, heads: HeadPublisher) -> APIRouter:
    """Return the routes that only services call, over one wallet."""
    routes = router(tags=["between services"], responses=problem_responses(Unavailable))

    @direct_post(
        routes,
        "/transfers/batch",
        body=batch.TransferBatch,
        summary="Apply transfers, each alone, in as few transactions as possible",
        responses={200: {"model": batch.BatchResults}},
    )
    async def transfers(request: Request) -> Response:
        arrived = monotonic()
        read = read_items(batch.BATCH, batch.ITEM, await request.body(), tags=_KINDS)
        await wallet.directory.name_as_stored(i for i in read if not isinstance(i, Misfit))
        items = [i if isinstance(i, Misfit) else _submission(i, arrived, quotes) for i in read]
        fit = [item for item in items if isinstance(item, Submission)]
        outcomes = iter(await wallet.ledger.submit(fit))
        results = [
            answers.unreadable(item)
            if isinstance(item, Misfit)
            else answers.transfer_result(next(outcomes))
            for item in items
        ]
        return _json({"results": results})

    @direct_post(
        routes,
        "/accounts/lookup",
        body=batch.AccountLookup,
        summary="Find accounts, whoever owns them",
        responses={200: {"model": batch.FoundAccounts}},
    )
    async def lookup(request: Request) -> Response:
        body = read_batch(batch.LOOKUP, await request.body())
        found = await wallet.directory.find([written_by(*named) for named in body.named])
        return _json({"accounts": [answers.found_account(a) for a in found]})

    @routes.get(
        "/transfers/{transfer_id}",
        summary="What is stored under a transfer's id",
        responses={200: {"model": batch.TransferResult}, **problem_responses(TransferNotFound)},
    )
    async def transfer(transfer_id: Annotated[TransferId, Path()]) -> Response:
        record = await wallet.database.read(lambda c: reports.find_transfer(c, transfer_id))
        if record is None:
            raise TransferNotFound(f"there is no transfer {transfer_id}")
        return _json(answers.transfer_result(stored_outcome(record)))

    _add_chains(routes, wallet)

    @routes.get("/internal/head", summary="Where the hash chains ended at the last look, signed")
    async def head() -> batch.PublishedHead:
        latest = heads.latest
        if latest is None:
            return batch.PublishedHead()
        return batch.PublishedHead(at=to_rfc3339(latest.at), head=latest.word)

    return routes


def _add_chains(routes: APIRouter, wallet: Wallet) -> None:
    @routes.get("/chains", summary="The hash chains over all transfers, and where each ends")
    async def chains() -> batch.Chains:
        tips = await wallet.database.read(chain_store.read_tips)
        return batch.Chains(chains={tip.chain: tip.sequence for tip in tips})

    @routes.get(
        "/chains/{chain}/transfers",
        summary="Transfers of one chain in the order of their commits",
        responses=problem_responses(Unprocessable),
    )
    async def chained(
        chain: Annotated[int, Path(ge=-1, lt=STRIPES)],
        after: Annotated[int, Query(ge=0, le=2**53, description="A link's number.")] = 0,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 500,
    ) -> batch.ChainPage:
        records, until = await wallet.database.read(
            lambda c: chain_store.records_after(c, chain, after, limit)
        )
        return batch.ChainPage(
            until=until,
            transfers=[
                batch.ChainedTransfer(
                    transfer_id=record.transfer_id,
                    kind=record.kind,
                    merchant=record.merchant,
                    created_at=record.created_at,
                )
                for record in records
            ],
        )


def _submission(
    item: batch.TransferIn, arrived: float, quotes: QuoteVerifier
) -> Submission | Misfit:
    try:
        transfer = batch.to_transfer(item, quotes.verify)
    except InvalidToken as error:
        # Nothing is kept of it: keys that are out of step may be in step the next time.
        return Misfit({"transfer_id": item.transfer_id}, "quote", str(error))
    expires = expires_at(item.deadline_ms, arrived)
    return Submission(transfer, expires, item.traceparent, item.baggage)


def _json(answer: dict[str, Any]) -> Response:
    return Response(to_json(answer), media_type="application/json")

"""Why a payment is where it is: its story, with what the ledger and risk say of it."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

from msgspec import Struct, field
from sqlalchemy import Connection

from kurs.calls import ServiceClient, TransportError
from kurs.contracts.wallet import TransferResult
from kurs.data.database import Database
from kurs.kernel.caller import KEY_ID_HEADER, MERCHANT_HEADER, ROLES_HEADER, Caller
from payments.domain.moves import Kind
from payments.domain.operation import Operation
from payments.errors import PaymentNotFound
from payments.store.rate_edits import RateEdit, edit_of
from payments.store.story import Story, read_story

_REFUNDS = 20
"""How many refunds are explained; all of them are in their own list."""
_IN_LEDGER = frozenset(Kind) - {Kind.REFUSE, Kind.VOID, Kind.EXPIRE}


class Explanation(Struct, frozen=True):
    """A payment's story. `transfers` are the ledger's by id, `decision` is risk's answer,
    `edit` who had edited the rates that it was made at.

    `unavailable` names those services that said nothing.
    """

    story: Story
    transfers: Mapping[str, TransferResult] = field(default_factory=dict)
    decision: Mapping[str, Any] | None = None
    unavailable: Sequence[str] = ()
    edit: RateEdit | None = None


class _Silent(Exception):
    """A service did not tell its part."""


class Explanations(Struct, frozen=True):
    """Puts a payment's story together. A service that is away leaves its part out, and no more."""

    database: Database
    wallet: ServiceClient
    risk: ServiceClient

    async def explain(self, caller: Caller, payment_id: str) -> Explanation:
        """Return the story of the caller's payment; raises PaymentNotFound."""
        uid = f"{caller.merchant}:{payment_id}"
        story, edit = await self.database.read(partial(_stored, uid=uid))
        if story is None:
            raise PaymentNotFound
        asked = [o for o in (*story.operations, *story.refunds) if o.kind in _IN_LEDGER]
        transfers, decision = await asyncio.gather(
            self._transfers(asked), self._decision(caller, payment_id), return_exceptions=True
        )
        silent = []
        if isinstance(transfers, BaseException):
            _only_silence(transfers)
            silent.append("wallet")
            transfers = {}
        if isinstance(decision, BaseException):
            _only_silence(decision)
            silent.append("risk")
            decision = None
        return Explanation(story, transfers, decision, silent, edit)

    async def _transfers(self, asked: Sequence[Operation]) -> Mapping[str, TransferResult]:
        names = [operation.operation_id for operation in asked]
        found = await asyncio.gather(*(self._transfer(name) for name in names))
        return {name: each for name, each in zip(names, found, strict=True) if each is not None}

    async def _transfer(self, name: str) -> TransferResult | None:
        stored: TransferResult | None = await _ask(
            self.wallet, f"/transfers/{quote(name, safe='')}", {}
        )
        return stored

    async def _decision(self, caller: Caller, payment_id: str) -> Mapping[str, Any] | None:
        on_behalf = {
            MERCHANT_HEADER: caller.merchant,
            KEY_ID_HEADER: caller.key_id,
            ROLES_HEADER: ",".join(sorted(caller.roles)),
        }
        decision: Mapping[str, Any] | None = await _ask(
            self.risk, f"/decisions/{payment_id}", on_behalf
        )
        return decision


def _stored(connection: Connection, uid: str) -> tuple[Story | None, RateEdit | None]:
    story = read_story(connection, uid, _REFUNDS)
    exchange = story and story.found.payment.exchange
    if story is None or exchange is None:
        return story, None
    made = story.found.payment.created_at
    return story, edit_of(connection, exchange.config_revision, made)


async def _ask(client: ServiceClient, path: str, headers: Mapping[str, str]) -> Any:
    """Return what a service has there, None when it has nothing; raises _Silent."""
    try:
        answer = await client.request("GET", path, headers=headers, retryable=True)
    except TransportError as error:
        raise _Silent(client.name) from error
    if answer.status == 404:
        return None
    if answer.status != 200:
        raise _Silent(client.name)
    return json.loads(answer.body)


def _only_silence(error: BaseException) -> None:
    if not isinstance(error, _Silent):
        raise error

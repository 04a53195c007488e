"""Reads the wallet's chains of transfers, in the order of their commits, a page at a time."""

from typing import TypeVar

from pydantic import BaseModel

from kurs.calls import ServiceClient, TransportError
from kurs.contracts.wallet_reads import ChainAnswer, ChainsAnswer

Answer = TypeVar("Answer", bound=BaseModel)

PAGE = 2_000
"""Transfers of a page, about: it has whole links."""


class Chains:
    """What the wallet tells of its chains; nothing while it does not answer."""

    def __init__(self, wallet: ServiceClient) -> None:
        self._wallet = wallet

    async def ends(self) -> list[tuple[int, int]]:
        """Return the last link of each chain."""
        answer = await self._ask("/chains", ChainsAnswer)
        return [] if answer is None else sorted(answer.chains.items())

    async def page(self, chain: int, after: int) -> ChainAnswer | None:
        """Return the links after a link; None also from a release that tells no links."""
        path = f"/chains/{chain}/transfers?after={after}&limit={PAGE}&links=true"
        answer = await self._ask(path, ChainAnswer)
        return None if answer is None or answer.links is None else answer

    async def _ask(self, path: str, form: type[Answer]) -> Answer | None:
        try:
            answer = await self._wallet.request("GET", path, retryable=True)
        except TransportError:
            return None
        return form.model_validate_json(answer.body) if answer.status == 200 else None

"""Reads the wallet's chains of transfers, in the order of their commits, a page at a time."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TypeVar

from pydantic import BaseModel

from kurs.calls import ServiceClient, TransportError
from kurs.contracts.wallet_reads import ChainAnswer, ChainsAnswer, DepositsAnswer

Answer = TypeVar("Answer", bound=BaseModel)

PAGE = 500
"""Transfers of a page, about: it has whole links."""
PAGES = 20
"""How many pages a look reads at most: of one each half minute, 333 transfers a second."""


class Chains:
    """What the wallet tells of its chains; nothing while it does not answer."""

    def __init__(self, wallet: ServiceClient) -> None:
        self._wallet = wallet

    async def ends(self) -> list[tuple[int, int]]:
        """Return the last link of each chain."""
        answer = await self._ask("/chains", ChainsAnswer)
        return [] if answer is None else sorted(answer.chains.items())

    async def transfers(self, chain: int, after: int) -> ChainAnswer | None:
        """Return a page of the transfers of the links after a link."""
        return await self._page(chain, "transfers", after, ChainAnswer)

    async def deposits(self, chain: int, after: int) -> DepositsAnswer | None:
        """Return a page of the deposits of the links after a link."""
        return await self._page(chain, "deposits", after, DepositsAnswer)

    async def _page(self, chain: int, what: str, after: int, form: type[Answer]) -> Answer | None:
        return await self._ask(f"/chains/{chain}/{what}?after={after}&limit={PAGE}", form)

    async def _ask(self, path: str, form: type[Answer]) -> Answer | None:
        try:
            answer = await self._wallet.request("GET", path, retryable=True)
        except TransportError:
            return None
        return form.model_validate_json(answer.body) if answer.status == 200 else None


async def read_on(
    ends: Iterable[tuple[int, int]],
    cursors: Mapping[int, int],
    take: Callable[[int, int], Awaitable[int]],
) -> None:
    """Read each chain from its cursor to its end, a bounded number of pages in all.

    `take(chain, after)` takes in a page and returns its last link; `after` where there is none.
    """
    left = PAGES
    for chain, end in ends:
        # A ledger that was restored is shorter than it was.
        place = min(cursors.get(chain, 0), end)
        while left and place < end:
            left -= 1
            following = await take(chain, place)
            if following == place:
                break
            place = following

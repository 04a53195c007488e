"""Reads the wallet's chains of transfers, in the order of their commits, a page at a time."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from kurs.calls import ServiceClient, TransportError

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
        answer = await self._ask("/chains")
        ends: Mapping[str, int] = {} if answer is None else answer["chains"]
        return sorted((int(chain), end) for chain, end in ends.items())

    async def page(self, chain: int, what: str, after: int) -> Mapping[str, Any] | None:
        """Return the `transfers` or `deposits` of the links after a link, and `until` which."""
        return await self._ask(f"/chains/{chain}/{what}?after={after}&limit={PAGE}")

    async def _ask(self, path: str) -> Mapping[str, Any] | None:
        try:
            answer = await self._wallet.request("GET", path, retryable=True)
        except TransportError:
            return None
        found: Mapping[str, Any] | None = answer.json() if answer.status == 200 else None
        return found


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

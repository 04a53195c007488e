"""Asks payments for pages of its feed."""

from collections.abc import Collection

from kurs.calls import ServiceClient
from kurs.contracts.payments import MAX_WANTED_BY, FeedAnswer

PAGE = 200
WAIT_SECONDS = 2.0


class FeedUnreadable(Exception):
    """payments did not answer with a page of its feed."""


class FeedClient:
    """The feed of payments, page by page."""

    def __init__(self, payments: ServiceClient) -> None:
        self._payments = payments

    async def end(self) -> FeedAnswer:
        """Return a page that says where the feed ends now."""
        return await self._ask("wait_seconds=0")

    async def page(
        self,
        after: int,
        *,
        limit: int = PAGE,
        wait_seconds: float,
        wanted_by: Collection[str] | None = None,
    ) -> FeedAnswer:
        """Return what comes after a sequence, waiting for it as long as is said.

        With `wanted_by` what is of none of these merchants is passed over, as is every request;
        of too many to name, all is told. Raises FeedUnreadable, TransportError, Problem, and
        ValidationError for an answer that is none.
        """
        query = f"limit={limit}&wait_seconds={wait_seconds}&after={after}"
        if wanted_by is not None and len(wanted_by) <= MAX_WANTED_BY:
            query += f"&wanted_by={','.join(sorted(wanted_by))}"
        return await self._ask(query)

    async def _ask(self, query: str) -> FeedAnswer:
        answer = await self._payments.request("GET", f"/events/feed?{query}", retryable=True)
        if answer.status != 200:
            raise FeedUnreadable(f"payments answered {answer.status}")
        return FeedAnswer.model_validate_json(answer.body)

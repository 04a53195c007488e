"""Asks payments for pages of its feed."""

from kurs.calls import ServiceClient
from kurs.contracts.payments import FeedAnswer

PAGE = 200
_WAIT_SECONDS = 2.0


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
        self, after: int, *, limit: int = PAGE, wait_seconds: float = _WAIT_SECONDS
    ) -> FeedAnswer:
        """Return what comes after a sequence, waiting for it as long as is said.

        Raises FeedUnreadable, TransportError, Problem, and ValidationError for an answer that is
        none.
        """
        return await self._ask(f"limit={limit}&wait_seconds={wait_seconds}&after={after}")

    async def _ask(self, query: str) -> FeedAnswer:
        answer = await self._payments.request("GET", f"/events/feed?{query}", retryable=True)
        if answer.status != 200:
            raise FeedUnreadable(f"payments answered {answer.status}")
        return FeedAnswer.model_validate_json(answer.body)

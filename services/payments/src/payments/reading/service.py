"""The use cases that only read: lists of payments and of refunds, page by page or all of them."""

from collections.abc import AsyncIterator, Sequence
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from kurs.data.database import Database
from kurs.data.long_reads import LongReads
from kurs.kernel.caller import Caller
from payments.domain.operation import Operation
from payments.errors import PaymentNotFound
from payments.store import lists, story
from payments.store.reads import Found, find_payment

_EXPORTED_AT_ONCE = 500
Place = tuple[int, str]


class PaymentReads(Struct, frozen=True):
    """What the routes that read call."""

    database: Database
    long_reads: LongReads

    async def list(self, wanted: lists.Filter, cut: lists.Cut) -> lists.Page:
        """Return a page of payments."""
        return await self.database.read(lambda c: lists.list_payments(c, wanted, cut))

    async def count(self, wanted: lists.Filter) -> int:
        """Return how many payments the list has; raises Overloaded when too many are counted."""
        return await self.long_reads.begin(lambda c: lists.count_payments(c, wanted))

    async def all(
        self, wanted: lists.Filter, *, oldest_first: bool
    ) -> AsyncIterator[Sequence[Found]]:
        """Yield the payments of a list, some at a time, each read for itself."""
        cut = lists.Cut(limit=_EXPORTED_AT_ONCE, oldest_first=oldest_first)
        while True:
            page = await self.long_reads.go_on(partial(lists.list_payments, wanted=wanted, cut=cut))
            yield page.items
            if page.end is None:
                return
            cut = replace(cut, after=page.end)

    async def refunds(
        self, caller: Caller, payment_id: str, after: Place | None, limit: int
    ) -> tuple[Found, Sequence[Operation], Place | None]:
        """Return a payment, a page of its refunds, and where it ends; raises PaymentNotFound."""
        uid = f"{caller.merchant}:{payment_id}"
        found = await self.database.read(lambda c: find_payment(c, uid))
        if found is None:
            raise PaymentNotFound
        asked = await self.database.read(lambda c: story.refunds_of(c, uid, after, limit + 1))
        page = asked[:limit]
        more = len(asked) > limit
        return found, page, (page[-1].created_at, page[-1].operation_id) if more else None

"""The way of a wave: intents are stored, services asked, money moved, outcomes recorded.

One coroutine takes all operations of a wave from their claim to their answers. An answer is given
after the commit that holds it. What has no outcome yet is answered as such, and finished by whoever
sees it when its lease ran out.
"""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from kurs.kernel.batching import (
    PATIENCE_SECONDS,
    Batcher,
    BatchMetrics,
    DeadlineExceeded,
    Outcome,
    settled,
)
from kurs.kernel.clock import monotonic
from payments.domain.beginning import Started
from payments.flow.ahead import Foreseen
from payments.flow.assessment import Assessed, Assessor
from payments.flow.questions import Drive, Need
from payments.flow.records import Order, Records, Reply
from payments.flow.steps import Steps

Result = TypeVar("Result")
_LARGEST_WAVE = 200
_LANES = 32
"""Waves under way, where some take long."""
_AHEAD = frozenset({Need.RISK, Need.PRICE})
"""What may be asked before the commit; what a merchant holds open is read from what is stored."""
Assessing = asyncio.Task[list[Assessed | Exception]]
Asked = tuple[Assessing, list[Drive]]
"""Drives that are asked about."""
_TOO_LATE = "the deadline passed while the request waited, and nothing was begun; repeat it"


class Flow:
    """Carries operations out by waves: what arrives during one is the next.

    An idle system adds no delay, and the cost of each request and commit is divided by the wave. A
    wave that waits for a service for longer than the patience of a batch holds up neither the
    next one nor those of its own that do not need that service.
    """

    def __init__(
        self,
        *,
        assessor: Assessor,
        steps: Steps,
        records: Records,
        batches: BatchMetrics,
    ) -> None:
        self._assessor = assessor
        self._steps = steps
        self._records = records
        self._waves: Batcher[Order, Reply] = Batcher(
            self._carry_out,
            name="waves",
            max_batch=_LARGEST_WAVE,
            least=2,
            lanes=_LANES,
            metrics=batches,
        )
        self._late: set[asyncio.Task[Any]] = set()

    async def close(self) -> None:
        """Wait for every wave."""
        await self._waves.close()
        while self._late:
            await asyncio.wait(self._late)

    async def carry_out(self, orders: Sequence[Order]) -> list[Outcome[Reply]]:
        """Begin operations with the next wave, and return their answers, in order.

        In place of one is the Problem that says why it may not begin or what failed, and a future
        where the answer comes later. Raises Overloaded when too many wait, and nothing has begun.
        """
        return await self._waves.submit_each(orders)

    async def carry_out_one(self, order: Order) -> Reply:
        """As `carry_out`, of one operation; raises what stands in place of its answer."""
        (reply,) = await settled(await self.carry_out((order,)))
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def _carry_out(self, orders: Sequence[Order]) -> list[Outcome[Reply]]:
        """Take one wave to its answers; of what nobody waits for any more nothing is done."""
        now = monotonic()
        timely = [order for order in orders if order.deadline.expires_monotonic > now]
        ended = iter(await self._claim_and_drive(timely))
        return [
            next(ended)
            if order.deadline.expires_monotonic > now
            else DeadlineExceeded(_TOO_LATE, headers={"retry-after": "1"})
            for order in orders
        ]

    async def _claim_and_drive(self, orders: Sequence[Order]) -> list[Outcome[Reply]]:
        """Take one wave from claim to answers; risk and fx are asked beside the claim's commit."""
        foreseen = Foreseen()
        beginning = asyncio.create_task(self._records.begin(orders, foreseen))
        await asyncio.wait((beginning, foreseen.started), return_when=asyncio.FIRST_COMPLETED)
        ahead: list[Asked] = []
        if not beginning.done():
            ahead = self._ask_ahead([_drive(orders[i], s) for i, s in foreseen.started.result()])
        begun = await beginning
        drives = [
            _drive(order, each)
            for order, each in zip(orders, begun, strict=True)
            if isinstance(each, Started)
        ]
        driven = iter(await self.drive(drives, ahead))
        return [next(driven) if isinstance(each, Started) else each for each in begun]

    def _ask_ahead(self, drives: Sequence[Drive]) -> list[Asked]:
        """Ask about what is still to be committed, but for what is known only by then."""
        return [
            (self._keep(asyncio.create_task(self._assess(need, part))), part)
            for need, places in self._by_need(drives).items()
            if need in _AHEAD
            for part in ([drives[i] for i in places],)
        ]

    def _by_need(self, drives: Sequence[Drive]) -> dict[Need, list[int]]:
        parts: dict[Need, list[int]] = {}
        for i, drive in enumerate(drives):
            parts.setdefault(self._assessor.need(drive), []).append(i)
        return parts

    async def drive(
        self, drives: Sequence[Drive], ahead: Sequence[Asked] = ()
    ) -> list[Outcome[Reply]]:
        """Take operations that have begun to their answers, in order, as `carry_out` does.

        `ahead` is what was asked before they had begun for good; it holds if they all did.
        """
        since = monotonic()
        asked = _that_began(ahead, drives)
        known = {i for places in asked.values() for i in places}
        rest = [i for i in range(len(drives)) if i not in known]
        parts = self._by_need([drives[i] for i in rest])
        if len(parts) == 1 and not asked:
            (need,) = parts
            return [*await self._end(drives, await self._assess(need, drives), since)]
        for need, found in parts.items():
            places = [rest[i] for i in found]
            assessing = asyncio.create_task(self._assess(need, [drives[i] for i in places]))
            asked[assessing] = places
        if len(asked) == 1:
            # Nobody else is held up, and the wave keeps its lane while it is slow.
            (assessing,) = asked
            return [*await self._end(drives, await assessing, since)]
        if asked:
            await asyncio.wait(asked, timeout=PATIENCE_SECONDS)
        together: dict[int, Assessed | Exception] = {}
        replies: dict[int, Outcome[Reply]] = {}
        for task, places in asked.items():
            if task.done():
                together.update(zip(places, task.result(), strict=True))
            else:
                late = self._end_late([drives[i] for i in places], task, since)
                replies.update(zip(places, late, strict=True))
        ended = await self._end([drives[i] for i in together], list(together.values()), since)
        replies.update(zip(together, ended, strict=True))
        return [replies[i] for i in range(len(drives))]

    async def _assess(self, need: Need, drives: Sequence[Drive]) -> list[Assessed | Exception]:
        try:
            return await self._assessor.assess(need, drives)
        except Exception as error:
            return [error] * len(drives)

    def _end_late(
        self,
        drives: Sequence[Drive],
        assessing: Assessing,
        since: float,
    ) -> "Iterator[asyncio.Future[Reply]]":
        """Let a part of a wave that is slow go on as a wave of its own."""

        async def end() -> list[Reply | Exception]:
            return await self._end(drives, await assessing, since)

        async def one(place: int) -> Reply:
            reply: Reply | Exception = (await ending)[place]
            if isinstance(reply, Exception):
                raise reply
            return reply

        ending = self._keep(asyncio.create_task(end()))
        return (self._keep(asyncio.create_task(one(i))) for i in range(len(drives)))

    def _keep(self, task: asyncio.Task[Result]) -> asyncio.Task[Result]:
        self._late.add(task)
        task.add_done_callback(self._late.discard)
        return task

    async def _end(
        self, drives: Sequence[Drive], assessed: Sequence[Assessed | Exception], since: float
    ) -> list[Reply | Exception]:
        """Move the money, and record the outcomes."""
        settled = await self._steps.move(drives, assessed)
        return await self._records.end(drives, settled, since)


def _drive(order: Order, started: Started) -> Drive:
    return Drive(started, order.deadline, order.trace)


def _that_began(ahead: Sequence[Asked], drives: Sequence[Drive]) -> dict[Assessing, list[int]]:
    """Return what was asked of drives that are under way, and their places.

    What a transaction had begun before it was run again is none of them.
    """
    places = {id(drive.started): i for i, drive in enumerate(drives)}
    return {
        assessing: [places[id(drive.started)] for drive in asked]
        for assessing, asked in ahead
        if all(id(drive.started) in places for drive in asked)
    }

"""The way of a wave: intents are stored, services asked, money moved, outcomes recorded.

One coroutine takes all operations of a wave from their claim to their answers. An answer is given
after the commit that holds it. What has no outcome yet is answered as such, and finished by whoever
sees it when its lease ran out.
"""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

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
from payments.flow.assessment import Assessed, Assessor
from payments.flow.questions import Drive, Need
from payments.flow.records import Order, Records, Reply
from payments.flow.steps import Steps

_LARGEST_WAVE = 200
_LANES = 32
"""Waves under way, where some take long."""
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
        """Take one wave from claim to answers."""
        begun = await self._begin(orders)
        drives = [
            Drive(each, order.deadline, order.trace)
            for order, each in zip(orders, begun, strict=True)
            if isinstance(each, Started)
        ]
        driven = iter(await self.drive(drives))
        return [next(driven) if isinstance(each, Started) else each for each in begun]

    async def _begin(self, orders: Sequence[Order]) -> list[Started | Reply | Exception]:
        """Begin those that somebody still waits for; of the others nothing is done."""
        now = monotonic()
        timely = [order for order in orders if order.deadline.expires_monotonic > now]
        begun = iter(await self._records.begin(timely))
        return [
            next(begun)
            if order.deadline.expires_monotonic > now
            else DeadlineExceeded(_TOO_LATE, headers={"retry-after": "1"})
            for order in orders
        ]

    async def drive(self, drives: Sequence[Drive]) -> list[Outcome[Reply]]:
        """Take operations that have begun to their answers, in order, as `carry_out` does."""
        since = monotonic()
        parts: dict[Need, list[int]] = {}
        for i, drive in enumerate(drives):
            parts.setdefault(self._assessor.need(drive), []).append(i)
        if len(parts) == 1:
            (need,) = parts
            return [*await self._end(drives, await self._assess(need, drives), since)]
        asked = {
            asyncio.create_task(self._assess(need, [drives[i] for i in places])): places
            for need, places in parts.items()
        }
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
        assessing: "asyncio.Task[list[Assessed | Exception]]",
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

    def _keep(self, task: "asyncio.Task[Any]") -> "asyncio.Task[Any]":
        self._late.add(task)
        task.add_done_callback(self._late.discard)
        return task

    async def _end(
        self, drives: Sequence[Drive], assessed: Sequence[Assessed | Exception], since: float
    ) -> list[Reply | Exception]:
        """Move the money, and record the outcomes."""
        settled = await self._steps.move(drives, assessed)
        return await self._records.end(drives, settled, since)

"""The way of a wave: intents are stored, services asked, money moved, outcomes recorded.

One coroutine takes all operations of a wave from their claim to their answers. An answer is given
after the commit that holds it. What has no outcome yet is answered as such, and finished by whoever
sees it when its lease ran out.
"""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from kurs.kernel.batching import Batcher, BatchMetrics, DeadlineExceeded, Eventually, settled
from kurs.kernel.clock import monotonic
from payments.domain.beginning import Started
from payments.flow.assessment import Ahead, Asking, Assessed, Assessor
from payments.flow.commits import Commits
from payments.flow.orders import Drive, Order, Reply
from payments.flow.records import Records
from payments.flow.steps import Steps

Result = TypeVar("Result")
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
        commits: Commits,
        assessor: Assessor,
        steps: Steps,
        records: Records,
        batches: BatchMetrics,
    ) -> None:
        self._commits = commits
        self._assessor = assessor
        self._steps = steps
        self._records = records
        self._waves: Batcher[Order, Reply] = Batcher(
            self._take,
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
        await self._assessor.close()
        while self._late:
            await asyncio.wait(self._late)

    async def carry_out(self, orders: Sequence[Order]) -> list[Eventually[Reply]]:
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

    async def _take(self, orders: Sequence[Order]) -> list[Eventually[Reply]]:
        """Take one wave from its claims to its answers; risk and fx are asked beside the commit.

        Of what nobody waits for any more nothing is done.
        """
        now = monotonic()
        timely = [order for order in orders if order.deadline.expires_monotonic > now]
        claims = self._commits.claim(timely)
        about_to = await claims.begun()
        ahead = self._assessor.ask_ahead([_drive(timely[i], started) for i, started in about_to])
        written = await claims.written
        begun = list(zip(timely, written, strict=True))
        drives = [_drive(order, each) for order, each in begun if isinstance(each, Started)]
        driven = iter(await self.drive(drives, ahead))
        ended = iter(
            [
                next(driven) if isinstance(each, Started) else self._records.not_begun(order, each)
                for order, each in begun
            ]
        )
        return [
            next(ended)
            if order.deadline.expires_monotonic > now
            else DeadlineExceeded(_TOO_LATE, headers={"retry-after": "1"})
            for order in orders
        ]

    async def drive(
        self, drives: Sequence[Drive], ahead: Sequence[Ahead] = ()
    ) -> list[Eventually[Reply]]:
        """Take operations that have begun to their answers, in order, as `carry_out` does.

        `ahead` is what was asked about them before they had begun for good.
        """
        if not drives:
            return []
        since = monotonic()
        known, late = await self._assessor.assess(drives, ahead)
        replies: dict[int, Eventually[Reply]] = {}
        for asking, places in late.items():
            part = self._end_late([drives[i] for i in places], asking, since)
            replies.update(zip(places, part, strict=True))
        ended = await self._end([drives[i] for i in known], list(known.values()), since)
        replies.update(zip(known, ended, strict=True))
        return [replies[i] for i in range(len(drives))]

    async def _end(
        self, drives: Sequence[Drive], assessed: Sequence[Assessed | Exception], since: float
    ) -> list[Reply | Exception]:
        """Move the money, and record the outcomes."""
        outcomes = await self._steps.move(drives, assessed)
        return await self._records.end(drives, outcomes, since)

    def _end_late(
        self, drives: Sequence[Drive], asking: Asking, since: float
    ) -> "Iterator[asyncio.Future[Reply]]":
        """Let a part of a wave that is slow go on as a wave of its own."""

        async def end() -> list[Reply | Exception]:
            return await self._end(drives, await asking, since)

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


def _drive(order: Order, started: Started) -> Drive:
    return Drive(started, order.deadline, order.trace)

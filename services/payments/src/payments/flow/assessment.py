"""What is asked before money moves, about many operations at once: by need, so that what waits for
a service holds up no operation that does not need it.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from kurs.kernel.batching import PATIENCE_SECONDS
from payments.domain.moves import Kind
from payments.domain.payment import Payment
from payments.flow.orders import Drive, Need
from payments.flow.payment_assessment import Declined, PaymentAssessor
from payments.flow.prices import Priced
from payments.flow.refund_assessment import RefundAssessor

Assessed = Payment | Declined | Priced | None
"""A payment that may go on, or why it may not; the present price of a refund. None: as it is."""
Asking = asyncio.Task[list[Assessed | Exception]]
Ahead = tuple[Asking, list[Drive]]
"""Drives that are asked about while they are still to be committed."""
_AHEAD = frozenset({Need.RISK, Need.PRICE})
"""What may be asked before the commit; what a merchant holds open is read from what is stored."""


class Assessments(NamedTuple):
    """What is known of the drives of a wave, by their places; of the `late` ones it will be."""

    known: Mapping[int, Assessed | Exception]
    late: Mapping[Asking, list[int]]


class Assessor:
    """Asks about drives that have one need together."""

    def __init__(self, payments: PaymentAssessor, refunds: RefundAssessor) -> None:
        self._payments = payments
        self._refunds = refunds
        self._asking: set[Asking] = set()

    async def close(self) -> None:
        """Wait for what was asked ahead."""
        while self._asking:
            await asyncio.wait(self._asking)

    def ask_ahead(self, drives: Sequence[Drive]) -> list[Ahead]:
        """Ask about what is still to be committed, but for what is known only by then."""
        ahead = []
        for need, places in self._by_need(drives, range(len(drives))).items():
            if need in _AHEAD:
                part = [drives[i] for i in places]
                asking = asyncio.create_task(self._ask(need, part))
                self._asking.add(asking)
                asking.add_done_callback(self._asking.discard)
                ahead.append((asking, part))
        return ahead

    async def assess(self, drives: Sequence[Drive], ahead: Sequence[Ahead] = ()) -> Assessments:
        """Return what is to be known of drives; in place of what is not the exception says why.

        `ahead` is what was asked before they had begun for good; it holds if they all did.
        """
        asked = _that_began(ahead, drives)
        known = {i for places in asked.values() for i in places}
        parts = self._by_need(drives, [i for i in range(len(drives)) if i not in known])
        if len(parts) == 1 and not asked:
            (need,) = parts
            return Assessments(dict(enumerate(await self._ask(need, drives))), {})
        for need, places in parts.items():
            asked[asyncio.create_task(self._ask(need, [drives[i] for i in places]))] = places
        if len(asked) == 1:
            # Nobody else is held up, and the wave keeps its lane while it is slow.
            ((asking, places),) = asked.items()
            return Assessments(dict(zip(places, await asking, strict=True)), {})
        await asyncio.wait(asked, timeout=PATIENCE_SECONDS)
        done = {task: places for task, places in asked.items() if task.done()}
        late = {task: places for task, places in asked.items() if task not in done}
        return Assessments(
            {
                i: each
                for task, places in done.items()
                for i, each in zip(places, task.result(), strict=True)
            },
            late,
        )

    def _by_need(self, drives: Sequence[Drive], places: Iterable[int]) -> dict[Need, list[int]]:
        parts: dict[Need, list[int]] = {}
        for i in places:
            parts.setdefault(self._need(drives[i]), []).append(i)
        return parts

    def _need(self, drive: Drive) -> Need:
        payment, kind = drive.started.payment, drive.started.operation.kind
        if kind == Kind.PAY:
            return self._payments.need(drive)
        crosses = payment.exchange is not None
        return Need.REFUND if kind == Kind.REFUND and crosses else Need.NOTHING

    async def _ask(self, need: Need, drives: Sequence[Drive]) -> list[Assessed | Exception]:
        try:
            if need is Need.NOTHING:
                return [None] * len(drives)
            if need is Need.REFUND:
                return [*await self._refunds.assess(drives)]
            return [*await self._payments.assess(drives)]
        except Exception as error:
            return [error] * len(drives)


def _that_began(ahead: Sequence[Ahead], drives: Sequence[Drive]) -> dict[Asking, list[int]]:
    """Return what was asked of drives that are under way, and their places.

    What a transaction had begun before it was run again is none of them.
    """
    places = {id(drive.started): i for i, drive in enumerate(drives)}
    return {
        asking: [places[id(drive.started)] for drive in asked]
        for asking, asked in ahead
        if all(id(drive.started) in places for drive in asked)
    }

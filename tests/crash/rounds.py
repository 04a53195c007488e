"""One round: fund, pay under load while processes are killed, let everything settle, judge."""

import asyncio
import os
import secrets
import time
from collections.abc import Sequence

from tests.crash.client import Client, Target, gateway_target
from tests.crash.evidence import Evidence, gather_evidence, unfinished
from tests.crash.history import History
from tests.crash.strikes import Strike, carry_out
from tests.crash.verdict import judge
from tests.crash.workload import Plan, funding

from devstack import Stack

ENVIRONMENT = {
    "KURS_PAYMENT_SECONDS": "2",
    "KURS_LEASE_SECONDS": "3",
    "KURS_SWEEP_SECONDS": "0.3",
    "KURS_REQUEST_SECONDS": "6",
    "KURS_HOLD_SECONDS": "12",
    "KURS_EXCHANGE_HOLD_SECONDS": "9",
    "KURS_HOLD_EXPIRY_SECONDS": "0.3",
    "KURS_RATES_POLL_SECONDS": "0.3",
    "KURS_DRAIN_SECONDS": "0.2",
}
"""Leases, sweeps and holds that end within seconds, so that a round can wait for all of them."""
CONCURRENCY = 16
_SETTLE_SECONDS = 240.0


def new_seed() -> int:
    """Return the seed of this run: CRASH_SEED, to repeat one, or a fresh one."""
    return int(os.environ.get("CRASH_SEED") or secrets.randbelow(10**9))


class Gates:
    """Hands out jobs, but holds back those after a strike until that strike is over."""

    def __init__(self, strikes: Sequence[Strike], every: int) -> None:
        self._every = every
        self._begun = -1
        self._over = 0
        self._strikes = len(strikes)
        self._moved = asyncio.Condition()

    async def enter(self, index: int) -> None:
        """Wait until job `index` may begin, and count it."""
        async with self._moved:
            await self._moved.wait_for(
                lambda: self._over >= min(index // self._every, self._strikes)
            )
            self._begun = max(self._begun, index)
            self._moved.notify_all()

    async def reach(self, index: int) -> None:
        """Wait until job `index` has begun."""
        async with self._moved:
            await self._moved.wait_for(lambda: self._begun >= index)

    async def strike_over(self) -> None:
        """Let the jobs up to the next strike go."""
        async with self._moved:
            self._over += 1
            self._moved.notify_all()


async def run_round(
    stack: Stack,
    plan: Plan,
    strikes: Sequence[Strike] = (),
    *,
    every: int = 1,
    targets: Sequence[Target] = (),
    concurrency: int = CONCURRENCY,
) -> tuple[History, Evidence]:
    """Run a round to its end and return what was told and what is stored.

    Raises AssertionError with every finding of the verdict. There is one strike per `every` jobs.
    Requests go to the gateway, or to `targets` in turn.
    """
    history = History()
    print(f"round {plan.name}, CRASH_SEED={plan.seed}: {len(plan.jobs)} payments; "
          f"kill -9 of {', '.join(map(str, strikes)) or 'nothing'}")  # fmt: skip
    public = gateway_target(stack)
    async with (
        Client([public], History(), limit=concurrency) as teller,
        Client(targets or [public], history, limit=concurrency) as client,
    ):
        for path, body in funding(plan):
            await teller.until_taken("POST", path, body)
        await _pay_under_fire(stack, client, plan, strikes, every, concurrency)
        print("under load:", history.tally())
        # First the services finish by themselves; then every request is repeated, the
        # acknowledged ones too; then the holds that nobody captured run out.
        await _settle(stack, plan, wait_for_holds=False)
        await _repeat_all(client, plan, concurrency)
        await _settle(stack, plan, wait_for_holds=True)
        evidence = await gather_evidence(stack, teller, plan)
    findings = judge(plan, history, evidence)
    again = f"repeat with CRASH_SEED={plan.seed} (round {plan.name})"
    assert not findings, "\n".join([f"{len(findings)} findings; {again}:", *findings[:40]])
    return history, evidence


async def _pay_under_fire(
    stack: Stack,
    client: Client,
    plan: Plan,
    strikes: Sequence[Strike],
    every: int,
    concurrency: int,
) -> None:
    gates = Gates(strikes, every)
    waiting = iter(enumerate(plan.jobs))

    async def work() -> None:
        for index, job in waiting:
            await gates.enter(index)
            await client.carry_out(job, repeats=not job.patient)

    async def strike() -> None:
        for each in strikes:
            await gates.reach(each.at)
            await carry_out(stack, each)
            await gates.strike_over()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(strike())
        for _ in range(concurrency):
            tasks.create_task(work())


async def _repeat_all(client: Client, plan: Plan, concurrency: int) -> None:
    waiting = iter(plan.jobs)

    async def work() -> None:
        for job in waiting:
            await client.carry_out(job, repeats=True)

    await asyncio.gather(*(work() for _ in range(concurrency)))


async def _settle(stack: Stack, plan: Plan, *, wait_for_holds: bool) -> None:
    """Wait until no operation is pending, or also no hold is open; the verdict finds what stays."""
    deadline = time.monotonic() + _SETTLE_SECONDS
    while time.monotonic() < deadline:
        if not await unfinished(stack, plan, holds=wait_for_holds):
            return
        await asyncio.sleep(0.25)

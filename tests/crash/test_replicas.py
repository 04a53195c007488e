"""Two wallet and two payments processes on one PostgreSQL: races, and one of each killed."""

from collections.abc import Iterator

import pytest
from tests.crash.client import Client, Target, direct_target
from tests.crash.conftest import MakeStack
from tests.crash.history import History
from tests.crash.rounds import run_round
from tests.crash.strikes import draw_strikes
from tests.crash.workload import Plan, mixed_plan, overdrawing_plan

from devstack import Stack

pytestmark = [pytest.mark.crash, pytest.mark.postgres]
_EVERY = 60


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack) -> Iterator[Stack]:
    with make_stack(database="postgresql", replicas={"payments": 2, "wallet": 2}) as stack:
        yield stack


@pytest.fixture
def both(stack: Stack) -> list[Target]:
    """Both payments processes; each has a wallet process of its own."""
    return [direct_target(stack, name) for name in ("payments", "payments-2")]


async def test_payments_that_together_exceed_a_balance_leave_it_at_exactly_zero(
    stack: Stack, seed: int, both: list[Target]
) -> None:
    plan = overdrawing_plan("overdraw", seed, 200)

    history, evidence = await run_round(stack, plan, targets=both, concurrency=200)

    ended = [(history.outcome(job.pay).document()["status"]) for job in plan.jobs]
    assert ended.count("CAPTURED") == 100
    assert ended.count("FAILED") == 100
    assert [b["total"] for b in evidence.balances["overdraw-hot"]] == ["0.00"]


async def test_a_hundred_posts_of_one_key_over_both_processes_are_one_payment(
    stack: Stack, seed: int, both: list[Target]
) -> None:
    single = overdrawing_plan("one-key", seed, 2)
    plan = Plan("one-key", seed, single.accounts, single.funds, single.jobs[:1] * 100)

    history, evidence = await run_round(stack, plan, targets=both, concurrency=100)

    replies = history.replies[plan.jobs[0].pay.name]
    assert len([reply for reply in replies if reply.status == 200 and not reply.replayed]) == 1
    assert [b["total"] for b in evidence.balances["one-key-cold"]] == ["7.00"]


async def test_one_process_of_each_is_killed_under_load(
    stack: Stack, seed: int, both: list[Target]
) -> None:
    plan = mixed_plan("one-of-each", seed, 2 * _EVERY)
    chosen = [("wallet", "wallet-2")[seed % 2], ("payments", "payments-2")[seed // 2 % 2]]
    strikes = draw_strikes(seed, [(name,) for name in chosen], _EVERY)

    await run_round(stack, plan, strikes, every=_EVERY, targets=both)


async def test_every_account_answers_the_same_from_both_wallets(
    stack: Stack, both: list[Target]
) -> None:
    async with Client([direct_target(stack, "wallet")], History(), limit=1) as client:
        first = await client.until_taken("GET", "/ledger/trial-balance")
    async with Client([direct_target(stack, "wallet-2")], History(), limit=1) as client:
        second = await client.until_taken("GET", "/ledger/trial-balance")

    assert first.document() == second.document()
    assert {row["sum"].strip("0.") for row in first.document()["currencies"]} == {""}

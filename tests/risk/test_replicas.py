"""Two replicas on one PostgreSQL: no window lets more through than it allows."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from tests.risk.harness import attempt, policy, rows
from tests.risk.services import replica

from kurs.data.migrations import migrate
from kurs_testing.clock import ManualClock
from risk.domain.batch import Conflict, Scored
from risk.migrations import VERSIONS
from risk.service import RiskService, WaitingAttempt

pytestmark = pytest.mark.postgres

LIMITED = policy(
    standard={
        "velocity": [
            {"name": "count", "window": "60s", "maxCount": 10, "action": "Decline"},
            {
                "name": "sum",
                "window": "1h",
                "maxAmountMinor": 500_00,
                "currency": "USD",
                "action": "Decline",
            },
        ]
    }
)  # fmt: skip


@pytest.fixture
async def replicas(postgres_url: str) -> AsyncIterator[list[RiskService]]:
    """Two replicas whose clocks stand in different buckets of the same minute."""
    await asyncio.to_thread(migrate, postgres_url, VERSIONS)
    ahead = ManualClock()
    ahead.advance(seconds=5)
    async with (
        replica(postgres_url, ManualClock(), lambda: LIMITED) as first,
        replica(postgres_url, ahead, lambda: LIMITED) as second,
    ):
        yield [first, second]


async def test_exactly_the_allowed_attempts_pass(replicas: list[RiskService]) -> None:
    for account in ("alice", "carol", "erin"):
        payments = [attempt(source_account=account) for _ in range(40)]
        results = await asyncio.gather(
            *(replicas[n % 2].score([WaitingAttempt(p)]) for n, p in enumerate(payments))
        )

        assert _outcomes(r for one in results for r in one) == {"approve": 10, "decline": 30}


async def test_exactly_the_allowed_amount_passes_in_two_currencies(
    replicas: list[RiskService],
) -> None:
    dollars = [attempt(source_account="dave", amount_minor=100_00) for _ in range(4)]
    rupiah = [
        attempt(source_account="dave", amount_minor=1_600_000_00, currency="IDR") for _ in range(4)
    ]
    results = await asyncio.gather(
        *(replicas[n % 2].score([WaitingAttempt(p)]) for n, p in enumerate(dollars + rupiah))
    )

    assert _outcomes(r for one in results for r in one) == {"approve": 5, "decline": 3}


async def test_batches_over_the_same_accounts_do_not_cross(replicas: list[RiskService]) -> None:
    accounts = [f"account-{n}" for n in range(20)]
    batches = []
    for seed in range(12):
        order = random.Random(seed).sample(accounts, len(accounts))
        batches.append([WaitingAttempt(attempt(source_account=account)) for account in order])
    results = await asyncio.gather(*(replicas[n % 2].score(b) for n, b in enumerate(batches)))

    assert _outcomes(r for batch in results for r in batch) == {"approve": 200, "decline": 40}


async def test_a_payment_that_both_are_asked_about_is_decided_and_counted_once(
    replicas: list[RiskService], postgres_url: str
) -> None:
    payments = [attempt(source_account=f"s{n}") for n in range(20)]
    results = await asyncio.gather(
        *(replica.score([WaitingAttempt(p)]) for p in payments for replica in replicas)
    )
    decided = [r.decision for one in results for r in one if isinstance(r, Scored)]

    assert len(decided) == 40
    assert len(set(decided)) == 20
    assert await rows(postgres_url, "SELECT max(attempts), count(*) FROM velocity") == [(1, 40)]


async def test_one_of_two_different_payments_with_one_id_wins(
    replicas: list[RiskService], postgres_url: str
) -> None:
    pairs = [
        [attempt(payment_id=f"demo:same{n}", source_account=f"{side}{n}") for side in "xy"]
        for n in range(20)
    ]
    results = await asyncio.gather(
        *(replicas[side].score([WaitingAttempt(pair[side])]) for pair in pairs for side in (0, 1))
    )
    flat = [r for one in results for r in one]

    assert sum(isinstance(r, Scored) for r in flat) == 20
    assert {r.field for r in flat if isinstance(r, Conflict)} == {"source_account"}
    assert await rows(postgres_url, "SELECT count(*) FROM decisions") == [(20,)]
    assert await rows(postgres_url, "SELECT count(DISTINCT account) FROM velocity") == [(20,)]


def _outcomes(results: object) -> dict[str, int]:
    assert hasattr(results, "__iter__")
    return dict(Counter(r.decision.outcome for r in results))

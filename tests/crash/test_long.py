"""The long form: round after round of strikes with drawn seeds on both databases, for minutes.

`make test-crash` runs it; CRASH_SEED repeats a run, CRASH_ROUNDS sets how many rounds each
gateway lives through (6). On PostgreSQL its own processes are killed, too.
"""

import os
import random
from collections.abc import Iterator

import pytest
from tests.crash.client import Target, direct_target
from tests.crash.conftest import MakeStack
from tests.crash.rounds import run_round
from tests.crash.strikes import BACKEND, draw_strikes
from tests.crash.workload import mixed_plan

from devstack import Stack

pytestmark = [pytest.mark.crash, pytest.mark.long, pytest.mark.timeout(3600)]
ROUNDS = int(os.environ.get("CRASH_ROUNDS") or 6)
_EVERY = 30
_ALONE = ("api-gateway", "payments", "fx", "wallet", "risk")
_REPLICAS = {"payments": 2, "wallet": 2}


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
)
def stack(request: pytest.FixtureRequest, make_stack: MakeStack) -> Iterator[Stack]:
    """One gateway per database for all its rounds: what a round leaves, the next one meets."""
    replicas = _REPLICAS if request.param == "postgresql" else {}
    with make_stack(database=request.param, replicas=replicas) as stack:
        yield stack


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_a_round_of_strikes(stack: Stack, seed: int, number: int) -> None:
    own = seed + number
    strikes = draw_strikes(own, _targets(stack, random.Random(own)), _EVERY)
    plan = mixed_plan(f"long{number}", own, _EVERY * len(strikes))

    await run_round(stack, plan, strikes, every=_EVERY, targets=_entrances(stack, number))


def _targets(stack: Stack, chance: random.Random) -> list[tuple[str, ...]]:
    """Return what is struck: every service alone and some at once, or a draw with PostgreSQL."""
    if stack.database == "sqlite":
        return [*((name,) for name in _ALONE), ("payments", "wallet"), ("fx", "risk")]
    services = [*_ALONE, "payments-2", "wallet-2"]
    alone = [(name,) for name in chance.sample(services, 4)]
    return [*alone, tuple(chance.sample(services, 2)), (BACKEND,), (BACKEND,)]


def _entrances(stack: Stack, number: int) -> list[Target]:
    """Return where requests go: with replicas every second round past the gateway, to both."""
    if stack.database == "sqlite" or number % 2:
        return []
    return [direct_target(stack, name) for name in ("payments", "payments-2")]

"""`kill -9` of each service in turn under load, on SQLite: nothing is lost and nothing doubled."""

import random
from collections.abc import Iterator
from copy import deepcopy

import pytest
from tests.crash.conftest import MakeStack
from tests.crash.rounds import run_round
from tests.crash.strikes import draw_strikes
from tests.crash.verdict import judge
from tests.crash.workload import mixed_plan

from devstack import Stack

pytestmark = pytest.mark.crash
EACH = [("api-gateway",), ("payments",), ("fx",), ("wallet",), ("risk",)]
_EVERY = 40


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack) -> Iterator[Stack]:
    with make_stack() as stack:
        yield stack


async def test_each_service_is_killed_once(stack: Stack, seed: int) -> None:
    plan = mixed_plan("each", seed, _EVERY * len(EACH))

    history, evidence = await run_round(stack, plan, draw_strikes(seed, EACH, _EVERY), every=_EVERY)

    # The verdict is worth something only if it sees damage in this very evidence.
    assert judge(plan, history, evidence) == []
    chance = random.Random(seed)
    lost, doubled = deepcopy(evidence), deepcopy(evidence)
    lost.postings.pop(chance.randrange(len(lost.postings)))
    taken = chance.choice([p for p in doubled.postings if p["transfer_id"].startswith("pay:")])
    doubled.postings += [p for p in doubled.postings if p["transfer_id"] == taken["transfer_id"]]
    assert any("do not sum to zero" in found for found in judge(plan, history, lost))
    payment_id = taken["transfer_id"].rpartition(":")[2]
    assert any(f.startswith(f"{payment_id} moved") for f in judge(plan, history, doubled))

"""What the simulator is measured by: bursts of clients with faults, and one payment a second."""

from collections import Counter
from itertools import pairwise

import pytest

from simulation.plan import Plan
from simulation.speed import dense, sparse


def moments(plan: Plan) -> Counter[float]:
    """Return how many clients begin at each moment."""
    return Counter(session.at for session in plan.sessions)


@pytest.mark.parametrize("plain", [True, False])
def test_dense_worlds_have_many_clients_at_once_and_faults(plain: bool) -> None:
    plan = dense(1, plain=plain, payments=600)

    assert set(moments(plan).values()) == {200}
    assert max(moments(plan)) < plan.seconds
    assert plan.faults
    assert any(session.refunds or session.racers > 1 for session in plan.sessions) != plain


def test_sparse_worlds_have_one_payment_a_second() -> None:
    plan = sparse(1, seconds=120)

    assert all(later - sooner == 1 for sooner, later in pairwise(moments(plan)))
    assert len(plan.sessions) == 120
    assert not plan.faults

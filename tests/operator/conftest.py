"""What tests of the operator share. Properties may take their time: no test asserts a time."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import settings
from tests.operator.desk import Desk
from tests.operator.small_cluster import Operator, SmallCluster, SmallPod

settings.register_profile("operator", deadline=None, max_examples=60)
settings.load_profile("operator")


@pytest.fixture
def cluster() -> SmallCluster:
    return SmallCluster(
        [*(SmallPod(f"fx-{n}", "fx") for n in range(3)), SmallPod("risk-0", "risk")]
    )


@pytest.fixture
async def operator(cluster: SmallCluster) -> AsyncIterator[Operator]:
    made = Operator(cluster)
    yield made
    await made.close()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)

"""The seed of a run, and the logs of a gateway that failed a round."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.crash.rounds import ENVIRONMENT, new_seed

from devstack import Stack

SAMPLES = Path(__file__).parents[1] / "data" / "resources"
MakeStack = Callable[..., AbstractContextManager[Stack]]


@pytest.fixture(scope="session")
def seed() -> int:
    """One seed for the whole run; printed by every round."""
    return new_seed()


@pytest.fixture(scope="module")
def make_stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> MakeStack:
    """Start a gateway with leases and holds of seconds; its logs are kept when a test failed."""

    @contextmanager
    def make(**options: Any) -> Iterator[Stack]:
        environment = {**ENVIRONMENT, **options.pop("environment", {})}
        failed = request.session.testsfailed
        with Stack(samples=SAMPLES, environment=environment, **options) as stack:
            try:
                yield stack
            finally:
                if request.session.testsfailed > failed:
                    kept = tmp_path_factory.mktemp("logs")
                    shutil.copytree(stack.folder.logs, kept, dirs_exist_ok=True)
                    print(f"the services' logs are kept in {kept}")

    return make

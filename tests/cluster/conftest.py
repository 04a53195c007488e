"""One installation of the development environment for the session, and others on demand.

All of it needs a cluster (`make test-cluster`); without one every test here is skipped.
"""

import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from tests.cluster.installation import Installation, create_namespace
from tests.cluster.shell import missing, run

from kurs_operator.local import main as compile_samples

ROOT = Path(__file__).parents[2]
NewInstallation = Callable[..., Installation]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a cluster where there is none."""
    reason = missing()
    for item in items:
        if reason and item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="module", params=["helm", "helm4"])
def helm(request: pytest.FixtureRequest) -> str:
    """Each Helm that is there, by its name."""
    name: str = request.param
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not on PATH: https://helm.sh/docs/intro/install")
    return name


@pytest.fixture(scope="session")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documents of fx and risk, compiled from k8s/samples."""
    folder = tmp_path_factory.mktemp("config")
    samples = str(ROOT / "k8s" / "samples")
    assert compile_samples(["--samples", samples, "--out", str(folder), "--once"]) == 0
    return folder


@contextmanager
def borrowed_namespace() -> Iterator[str]:
    """Yield the name of a new namespace, which is deleted with all that is in it.

    Nothing waits until it is gone: the cluster sees to that by itself.
    """
    name = f"kurs-test-{secrets.token_hex(3)}"
    create_namespace(name)
    try:
        yield name
    finally:
        run("kubectl", "delete", "namespace", name, "--ignore-not-found", "--wait=false")


@pytest.fixture(scope="module")
def namespaces() -> Iterator[Callable[[], str]]:
    """Make namespaces that go with the module: what no test needs takes no room from the others."""
    with ExitStack() as borrowed:
        yield lambda: borrowed.enter_context(borrowed_namespace())


@pytest.fixture(scope="module")
def new_installation(namespaces: Callable[[], str], documents: Path) -> NewInstallation:
    """Return a namespace that nothing is installed in yet."""
    return lambda: Installation(namespaces(), documents)


@pytest.fixture(scope="session")
def dev(documents: Path) -> Iterator[Installation]:
    """The development environment, installed from nothing."""
    with borrowed_namespace() as namespace:
        installation = Installation(namespace, documents)
        installation.upgrade()
        yield installation

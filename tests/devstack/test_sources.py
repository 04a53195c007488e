"""Which processes a change in the sources concerns."""

from pathlib import Path

import pytest

from devstack.sources import SourceWatch


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    packages = ("libs/kurs/src/kurs", "services/wallet/src/wallet")
    for name in (*packages, "operator/src/kurs_operator"):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("")
    return tmp_path


def test_a_change_in_a_service_concerns_it_alone_and_once(checkout: Path) -> None:
    watch = SourceWatch(checkout)
    assert watch.changed() == []

    (checkout / "services/wallet/src/wallet/ledger.py").write_text("x = 1")

    assert watch.changed() == ["wallet"]
    assert watch.changed() == []


def test_a_change_in_the_shared_library_concerns_all(checkout: Path) -> None:
    watch = SourceWatch(checkout)

    (checkout / "libs/kurs/src/kurs/money.py").write_text("x = 1")

    assert sorted(watch.changed()) == [
        "api-gateway",
        "fx",
        "operator",
        "payments",
        "risk",
        "wallet",
        "webhooks",
    ]


def test_a_removed_file_is_a_change_and_compiled_files_are_none(checkout: Path) -> None:
    watch = SourceWatch(checkout)

    (checkout / "operator/src/kurs_operator/__init__.py").unlink()
    cache = checkout / "services/wallet/src/wallet/__pycache__"
    cache.mkdir()
    (cache / "ledger.pyc").write_bytes(b"x")

    assert watch.changed() == ["operator"]

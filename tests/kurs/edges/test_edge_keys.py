"""A service does not start without the key of each of its edges, and says in one line why."""

from pathlib import Path

import pytest

from kurs.data.limits import DatabaseSettings
from kurs.edges.keys import EdgeKeys
from kurs.edges.table import edges_of
from kurs.kernel.settings import CannotRun
from kurs_testing.edges import write_keys
from kurs_testing.telemetry import RecordingTelemetry


def keys(folder: Path) -> EdgeKeys:
    return EdgeKeys(folder, edges_of("wallet"), RecordingTelemetry("wallet"))


def test_the_keys_of_its_edges_are_read_and_of_no_others(tmp_path: Path) -> None:
    found = keys(write_keys(tmp_path))

    assert found.of(("payments", "wallet")) == (b"a-key-of-the-edge-payments-wallet-for-tests",)
    assert found.of(("risk", "fx")) is None


def test_two_keys_are_read_the_newest_first(tmp_path: Path) -> None:
    write_keys(tmp_path)
    (tmp_path / "payments-wallet").write_text(f"{'n' * 32} ,\n{'o' * 32}\n")

    assert keys(tmp_path).of(("payments", "wallet")) == (b"n" * 32, b"o" * 32)


@pytest.mark.parametrize(
    "text", ["", "\n", "short", f"{'a' * 32},", ",".join("abc" * 32), f"{'a' * 31},{'b' * 32}"]
)
def test_what_is_no_key_keeps_a_service_from_starting(tmp_path: Path, text: str) -> None:
    write_keys(tmp_path)
    (tmp_path / "payments-wallet").write_text(text)

    with pytest.raises(CannotRun, match=r"payments-wallet: .*32 characters.*KURS_EDGE_KEYS_DIR"):
        keys(tmp_path)


def test_a_missing_key_keeps_a_service_from_starting(tmp_path: Path) -> None:
    write_keys(tmp_path)
    (tmp_path / "api-gateway-wallet").unlink()

    with pytest.raises(CannotRun, match=r"api-gateway-wallet.*KURS_EDGE_KEYS_DIR") as told:
        keys(tmp_path)
    assert "\n" not in str(told.value)


def test_two_edges_never_share_a_key(tmp_path: Path) -> None:
    write_keys(tmp_path)
    same = (tmp_path / "api-gateway-wallet").read_text()
    (tmp_path / "payments-wallet").write_text(f"{'n' * 32},{same}")

    with pytest.raises(CannotRun, match="have the same key"):
        keys(tmp_path)


def test_a_database_url_comes_from_a_file_unless_one_is_set(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql+asyncpg://wallet:secret@db/wallet\n")

    read = DatabaseSettings(database_url_file=file)
    given = DatabaseSettings(database_url_file=file, database_url="sqlite:///x.db")

    assert read.database_url == "postgresql+asyncpg://wallet:secret@db/wallet"
    assert given.database_url == "sqlite:///x.db"
    with pytest.raises(CannotRun, match="no URL of a database"):
        DatabaseSettings(database_url_file=tmp_path / "none")

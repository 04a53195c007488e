"""The run folder and the environments: keys are private, and a shell's leftovers stay out."""

import stat
from pathlib import Path

import pytest

from devstack import Stack, StackError
from devstack.topology import (
    RunFolder,
    base_environment,
    ports_from,
    service_of,
    shell_environment,
)
from kurs.quotes.keys import SigningKey, VerifyKeys


def test_the_quote_keys_are_a_pair_private_where_they_are_and_kept(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()

    folder.prepare()
    keys = folder.quote_signing_keys.read_bytes(), folder.quote_verify_keys.read_bytes()
    folder.prepare()

    assert stat.S_IMODE(folder.quote_signing_keys.stat().st_mode) == 0o600
    signed = SigningKey(keys[0])
    assert VerifyKeys(keys[1]).confirms(signed.key_id, signed.sign(b"a"), b"a")
    assert keys == (folder.quote_signing_keys.read_bytes(), folder.quote_verify_keys.read_bytes())


def test_logs_of_an_earlier_run_are_emptied(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.prepare()
    (folder.logs / "wallet.log").write_text("old")

    folder.prepare()

    assert (folder.logs / "wallet.log").read_text() == ""


def test_a_variable_left_over_in_the_shell_does_not_reach_the_services(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KURS_DATABASE_URL", "postgresql+asyncpg://production/ledger")
    monkeypatch.setenv("KURS_LOG_LEVEL", "debug")

    environment = base_environment({"KURS_LOG_LEVEL": "info"})

    assert "KURS_DATABASE_URL" not in environment
    assert environment["KURS_LOG_LEVEL"] == "info"
    assert "PATH" in environment


def test_dev_takes_settings_from_the_shell_but_not_what_joins_the_services(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KURS_TRACE_RATIO", "1")
    monkeypatch.setenv("KURS_PORT", "9999")
    monkeypatch.setenv("KURS_WALLET_URL", "https://wallet.example.com")

    environment = shell_environment()

    assert environment["KURS_TRACE_RATIO"] == "1"
    assert not {"KURS_PORT", "KURS_WALLET_URL"} & environment.keys()


def test_the_ports_are_those_of_the_services() -> None:
    assert ports_from(8080) == {
        "api-gateway": 8080,
        "payments": 8081,
        "fx": 8082,
        "wallet": 8083,
        "risk": 8084,
        "webhooks": 8085,
    }


@pytest.mark.parametrize(
    ("process", "service"),
    [("wallet", "wallet"), ("wallet-2", "wallet"), ("api-gateway", "api-gateway")],
)
def test_a_process_name_tells_its_service(process: str, service: str) -> None:
    assert service_of(process) == service


def test_two_processes_on_one_sqlite_file_are_refused() -> None:
    with pytest.raises(StackError, match="need `--database postgresql`"):
        Stack(replicas={"wallet": 2})


@pytest.mark.parametrize("replicas", [{"fx": 2}, {"wallet": 3}, {"wallet": 0}])
def test_other_replica_counts_are_refused(replicas: dict[str, int]) -> None:
    with pytest.raises(StackError, match="one or two of"):
        Stack(replicas=replicas, database="postgresql")

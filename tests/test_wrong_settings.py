"""What a process cannot run with is said in one line, by every program that reads settings."""

import re
import runpy
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

PROGRAMS = {
    "api_gateway": ("api-gateway", [[]]),
    "payments": ("payments", [[], ["migrate"], ["set-aside"], ["resume", "--all"]]),
    "wallet": ("wallet", [[], ["migrate"], ["verify"], ["seal"]]),
    "fx": ("fx", [[]]),
    "risk": ("risk", [[], ["migrate"]]),
    "webhooks": ("webhooks", [[], ["migrate"]]),
    "kurs_operator": ("kurs-operator", [[]]),
}
CALLS = [
    pytest.param(module, name, arguments, id=" ".join([module, *arguments]))
    for module, (name, calls) in PROGRAMS.items()
    for arguments in calls
]
NO_FOLDER = "sqlite:////dev/null/x.db"
WRONG = {
    "former": ({"KURS_CONCURRENCY": "9"}, "KURS_CONCURRENCY is not read any more: set"),
    "former in small letters": ({"kurs_concurrency": "9"}, "kurs_concurrency is not read any more"),
    "no number": ({"KURS_PORT": "none"}, "KURS_PORT: Input should be a valid integer"),
    "two": ({"KURS_PORT": "none", "kurs_watchdog_seconds": "-1"}, "; KURS_WATCHDOG_SECONDS: "),
}


def run(
    module: str,
    arguments: list[str],
    variables: Mapping[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> object:
    """Run a program in this process, and return what it exits with."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", [module, *arguments])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    return ended.value.code


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize(("module", "name", "arguments"), CALLS)
def test_a_wrong_setting_is_one_line_and_an_exit_code(
    module: str,
    name: str,
    arguments: list[str],
    wrong: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    variables, said = WRONG[wrong]

    code = run(module, arguments, variables, monkeypatch)

    output = capsys.readouterr()
    assert (code, output.out) == (2, "")
    assert output.err.startswith(f"{name}: ")
    assert said in output.err
    assert output.err.count("\n") == 1


@pytest.mark.parametrize(
    ("module", "variables", "said"),
    [
        ("wallet", {"KURS_DEPOSIT_MAX_MINOR": "much"}, "KURS_DEPOSIT_MAX_MINOR: no JSON: "),
        ("wallet", {"KURS_DATABASE_URL_FILE": "/nowhere"}, "no URL of a database in /nowhere"),
        ("fx", {"KURS_SOURCE_SECRET_HOSTS": "a"}, "KURS_SOURCE_SECRET_HOSTS: "),
        ("api_gateway", {"GRAFANA_URL": "javascript:1"}, "GRAFANA_URL: "),
        ("api_gateway", {"KURS_TRUSTED_PROXIES": "here"}, "KURS_TRUSTED_PROXIES: "),
        ("api_gateway", {"KURS_RATE_LIMIT": "many"}, "KURS_RATE_LIMIT: "),
        ("kurs_operator", {"KURS_CHANGE_TICKET_PATTERN": "("}, "KURS_CHANGE_TICKET_PATTERN: "),
    ],
)
def test_what_a_service_itself_refuses_is_one_line_too(
    module: str,
    variables: Mapping[str, str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(module, [], variables, monkeypatch) == 2
    output = capsys.readouterr()
    assert said in output.err
    assert output.err.count("\n") == 1


DATABASES = {
    "a slash in the password": "postgresql://kurs:s3cr3t/half@db:5432/wallet",
    "a colon after normalization": "postgresql://kurs:s3cr3t\uff1ahalf@db:5432/wallet",
    "no port": "postgresql://kurs:s3cr3t@db:1x/wallet",
    "a folder that cannot be made": "sqlite:////proc/nope/s.db",
    "a file that cannot be made": "sqlite:////proc/s.db",
    "no database": f"sqlite:///{Path(__file__)}",
    "a folder": f"sqlite:///{Path(__file__).parent}",
}
OF_DATABASES = [call for call in CALLS if call.values[2]]


@pytest.mark.parametrize("url", DATABASES.values(), ids=DATABASES)
@pytest.mark.parametrize(("module", "name", "arguments"), OF_DATABASES)
def test_a_database_that_cannot_be_opened_is_one_line_for_every_command(
    module: str,
    name: str,
    arguments: list[str],
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = run(module, arguments, {"KURS_DATABASE_URL": url}, monkeypatch)

    output = capsys.readouterr()
    assert (code, output.out) == (2, "")
    assert output.err.startswith(f"{name}: ")
    assert output.err.count("\n") == 1
    assert "s3cr3t" not in output.err


@pytest.mark.parametrize(
    ("module", "variable"),
    [
        ("api_gateway", "KURS_GRAFANA_URL"),
        ("api_gateway", "KURS_TEMPO_URL"),
        ("api_gateway", "KURS_WALLET_URL"),
        ("payments", "KURS_OTLP_ENDPOINT"),
        ("payments", "KURS_RISK_URL"),
        ("risk", "KURS_FX_URL"),
        ("webhooks", "KURS_PAYMENTS_URL"),
        ("kurs_operator", "KURS_WALLET_URL"),
    ],
)
@pytest.mark.parametrize("host", ["grafana\u2100.example", "[s3cr3t]", "a:s3cr3t", ":80"])
def test_an_address_that_cannot_be_read_is_not_repeated(
    module: str,
    variable: str,
    host: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    url = f"https://admin:s3cr3t@{host}"

    assert run(module, [], {variable: url}, monkeypatch) == 2

    output = capsys.readouterr()
    assert f"{variable}: write the address like https://" in output.err
    assert output.err.count("\n") == 1
    assert "s3cr3t" not in output.err


def test_no_value_is_repeated_that_may_be_secret(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run("payments", [], {"KURS_PORT": "hush", "KURS_DRAIN_SECONDS": "quiet"}, monkeypatch)

    assert not {"hush", "quiet"} & set(capsys.readouterr().err.replace("'", " ").split())


@pytest.mark.parametrize(
    ("command", "variables", "said"),
    [
        (
            ["wallet", "verify"],
            {"KURS_HEAD_INTERVAL": "5"},
            "wallet: KURS_HEAD_INTERVAL is not read any more: set KURS_LEDGER_HEAD_SECONDS",
        ),
        (["risk"], {"KURS_DATABASE_URL": "mysql://a/b"}, "risk: .*mysql.*"),
        (["risk"], {"KURS_DATABASE_URL": NO_FOLDER}, "risk: no folder /dev/null for .*"),
        (["wallet", "migrate"], {"KURS_DATABASE_URL": NO_FOLDER}, "wallet: no folder /dev/null .*"),
        (
            ["risk"],
            {"KURS_DATABASE_URL": "postgresql://a:b/c@d/e"},
            "risk: .* a port that is none; .* %2F.*",
        ),
        (["kurs_operator"], {}, "kurs-operator: no namespace: set KURS_NAMESPACE"),
    ],
)
def test_so_it_is_in_a_process_of_its_own(
    edge_keys: Path, command: list[str], variables: Mapping[str, str], said: str
) -> None:
    """Exit code 1 of `wallet verify` would be a finding."""
    done = subprocess.run(
        [sys.executable, "-m", *command],
        env={"KURS_EDGE_KEYS_DIR": str(edge_keys), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(said + "\n", done.stderr)

"""Which processes a stack has, in the order in which they start, and the environment of each."""

import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from api_gateway.keys import DEV_MERCHANT
from devstack.errors import StackError
from devstack.ports import LOOPBACK
from kurs.edges import EDGES
from kurs.edges.keys import file_name
from kurs.quotes.keys import ensure_key_files, new_key_pair

GATEWAY, PAYMENTS, FX, WALLET, RISK = "api-gateway", "payments", "fx", "wallet", "risk"
WEBHOOKS = "webhooks"
OPERATOR = "operator"
REPLICATED = (PAYMENTS, WALLET)
"""Services that a stack can run two of, on PostgreSQL."""

_ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True)
class StackService:
    """A service of the gateway; `offset` is its port's distance from the gateway's."""

    name: str
    module: str
    offset: int
    stores: bool = False


SERVICES = (
    StackService(WALLET, "wallet", 3, stores=True),
    StackService(RISK, "risk", 4, stores=True),
    StackService(FX, "fx", 2),
    StackService(PAYMENTS, "payments", 1, stores=True),
    StackService(WEBHOOKS, "webhooks", 5, stores=True),
    StackService(GATEWAY, "api_gateway", 0),
)
DEFAULT_PORT = 8080
OPERATIONS = 1000
"""From a service's port to the one of its probes and metrics."""
_JOINING = frozenset(
    f"KURS_{name}"
    for name in (
        *("SERVICE", "HOST", "PORT", "OPERATIONS_PORT", "INSTANCE", "CONFIG_DIR"),
        *("DATABASE_URL", "DATABASE_SERVICE_ROLE", "LEDGER_SIGNING_KEY_FILE"),
        *("QUOTE_SIGNING_KEYS_FILE", "QUOTE_VERIFY_KEYS_FILE", "EDGE_KEYS_DIR", "API_KEYS_FILE"),
        *("PAYMENTS_URL", "FX_URL", "WALLET_URL", "RISK_URL", "WEBHOOKS_URL"),
        "PRIVATE_DESTINATION_HOSTS",
    )
)


def repository() -> Path:
    """Return the checkout that holds the services and the sample resources.

    Raises StackError when this package is installed outside one.
    """
    if not (_ROOT / "k8s" / "samples").is_dir():
        raise StackError(f"{_ROOT} is no checkout of Kurs: run this from one, after `make setup`")
    return _ROOT


def ports_from(first: int) -> dict[str, int]:
    """Return every service's port when the gateway has `first`."""
    return {service.name: first + service.offset for service in SERVICES}


def service_of(process: str) -> str:
    """Return the service that a process runs: `wallet-2` runs wallet."""
    name, _, number = process.rpartition("-")
    return name if number.isdigit() else process


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The files of one stack. Everything under it belongs to the stack; keys have mode 600."""

    path: Path

    @property
    def logs(self) -> Path:
        """The folder of the logs, one file per process."""
        return self.path / "logs"

    @property
    def config(self) -> Path:
        """The folder of the documents that the operator writes."""
        return self.path / "config"

    @property
    def quote_signing_keys(self) -> Path:
        """The file with the private key that fx signs quotes with."""
        return self.path / "quote-signing-keys.pem"

    @property
    def quote_verify_keys(self) -> Path:
        """The file with the public key that payments and the wallet check quotes with."""
        return self.path / "quote-verify-keys.pem"

    @property
    def edge_keys(self) -> Path:
        """The folder with the keys by which services know each other."""
        return self.path / "edge-keys"

    @property
    def destinations(self) -> Path:
        """The folder of EventDestination files, where events are sent."""
        return self.path / "destinations"

    @property
    def ledger_key(self) -> Path:
        """The file with the key that signs the heads of the ledger."""
        return self.path / "ledger-signing-key.pem"

    @property
    def api_keys(self) -> Path:
        """The file with the entries of the accepted API keys (digests only)."""
        return self.path / "api-keys.json"

    def prepare(self) -> None:
        """Make the folders and the keys, unless they are there; empty the logs."""
        self.logs.mkdir(parents=True, exist_ok=True)
        self.config.mkdir(exist_ok=True)
        self.destinations.mkdir(exist_ok=True)
        for log in self.logs.glob("*.log"):
            log.write_bytes(b"")
        ensure_key_files(self.quote_signing_keys, self.quote_verify_keys)
        _write_key(self.ledger_key, new_key_pair()[0])
        self.edge_keys.mkdir(mode=0o700, exist_ok=True)
        for edge in EDGES:
            _write_key(self.edge_keys / file_name(edge), secrets.token_hex(32) + "\n")


def _write_key(file: Path, key: str) -> None:
    if file.exists():
        return
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as text:
        text.write(key)


def base_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment without its KURS_ variables, and `extra` on top.

    A variable left over in somebody's shell must not change what a test or a demo runs.
    """
    inherited = {k: v for k, v in os.environ.items() if not _is_ours(k)}
    return {**inherited, "PYTHONUNBUFFERED": "1", **extra}


def shell_environment() -> dict[str, str]:
    """Return the KURS_ variables of the shell, but those by which a stack joins its services."""
    return {
        name: value
        for name, value in os.environ.items()
        if _is_ours(name) and name.upper() not in _JOINING
    }


def _is_ours(variable: str) -> bool:
    """Services read their variables whatever the case of the letters."""
    return variable.upper().startswith("KURS_")


def service_environment(
    service: StackService,
    folder: RunFolder,
    port: int,
    addresses: Mapping[str, str],
    database_url: str,
) -> dict[str, str]:
    """Return the KURS_ variables of one process; `addresses` are base URLs by service name."""
    variables = {
        # One key approves what it paid.
        "KURS_FOUR_EYES": "false",
        # The key of `make dev` has every role.
        "KURS_PLATFORM_MERCHANTS": DEV_MERCHANT,
        "KURS_HOST": LOOPBACK,
        "KURS_PORT": str(port),
        "KURS_OPERATIONS_PORT": str(port + OPERATIONS if port else 0),
        "KURS_CONFIG_DIR": str(folder.config / service.name),
        "KURS_QUOTE_VERIFY_KEYS_FILE": str(folder.quote_verify_keys),
        "KURS_EDGE_KEYS_DIR": str(folder.edge_keys),
        "KURS_API_KEYS_FILE": str(folder.api_keys),
        "KURS_LEDGER_SIGNING_KEY_FILE": str(folder.ledger_key),
    }
    if service.name == WEBHOOKS:
        variables["KURS_SECRETS_DIR"] = str(folder.path / "secrets")
        # A receiver on a laptop: make webhook-listen.
        variables["KURS_PRIVATE_DESTINATION_HOSTS"] = LOOPBACK
    if service.name == FX:
        variables["KURS_QUOTE_SIGNING_KEYS_FILE"] = str(folder.quote_signing_keys)
    if database_url:
        variables["KURS_DATABASE_URL"] = database_url
    for name in (PAYMENTS, FX, WALLET, RISK, WEBHOOKS):
        variables[f"KURS_{name.upper()}_URL"] = addresses[name]
    return variables


def service_command(
    service: StackService, *arguments: str, run_by: Sequence[str] = ()
) -> list[str]:
    """Return the command that runs a service, or another of its subcommands.

    `run_by` is a module that runs the service in its place, and arguments before the service's.
    """
    return [sys.executable, "-m", *run_by, service.module, *arguments]

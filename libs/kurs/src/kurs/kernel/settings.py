"""Settings that every service has, read from `KURS_*` environment variables once, at start."""

import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from kurs.kernel.http_address import AnyOrNoAddress

MEBIBYTE = 1024 * 1024
RENAMED: Mapping[str, str] = {
    "KURS_AUDIT_INTERVAL": "KURS_AUDIT_SECONDS",
    "KURS_AUDIT_WHOLE_INTERVAL": "KURS_AUDIT_WHOLE_SECONDS",
    "KURS_CONCURRENCY": "KURS_MAX_REQUESTS_PER_DESTINATION",
    "KURS_DEPOSIT_SECONDS": "KURS_LEDGER_SECONDS",
    "KURS_FREE_REFUSALS": "KURS_FREE_REFUSALS_PER_SECOND",
    "KURS_HEAD_INTERVAL": "KURS_LEDGER_HEAD_SECONDS",
    "KURS_HOLD_EXPIRY_INTERVAL": "KURS_HOLD_EXPIRY_SECONDS",
    "KURS_MAX_BODY_MEMORY": "KURS_MAX_BODY_MEMORY_BYTES",
    "KURS_MAX_IN_FLIGHT": "KURS_MAX_REQUESTS",
    "KURS_PAYMENT_TIMEOUT": "KURS_PAYMENT_SECONDS",
}
"""What variables of earlier releases are called now."""


def _instance() -> str:
    return f"{socket.gethostname()}-{os.getpid()}"


class CannotRun(RuntimeError):
    """A process cannot do what it was started for; the message says why, and what to do."""


class ServiceSettings(BaseSettings):
    """The common part; a service subclasses it with its own name, port and database.

    Secrets are never defaults: a key comes from a variable or from a file that one names.
    """

    model_config = SettingsConfigDict(env_prefix="KURS_", extra="ignore", frozen=True)

    service: str = "kurs"
    host: str = "127.0.0.1"
    port: int = 8000
    operations_port: int = Field(default=0, ge=0, le=65_535)
    """Of probes and metrics alone; 0: they are on the port of the service."""
    instance: str = ""
    config_dir: Path = Path("var/config")
    log_level: str = "info"
    """debug, info, warning or error: what is written to the log, and what is more severe."""
    metrics_enabled: bool = True
    """Off only to measure what metrics cost: `/metrics` then names them all and counts nothing."""
    trace_ratio: float = 0.01
    otlp_endpoint: AnyOrNoAddress = ""
    """Where spans go (OTLP over HTTP); nowhere when empty."""
    drain_seconds: float = 0.5
    max_body_bytes: int = MEBIBYTE
    """Of a request; a larger one is answered 413."""
    head_seconds: float = Field(default=10.0, gt=0)
    """From the opening of a connection, or the first byte of a later request, to the whole head;
    else 408."""
    body_seconds: float = Field(default=10.0, gt=0)
    """From a request's head to the end of its body; else 408."""
    answer_seconds: float = Field(default=30.0, gt=0)
    """How long bytes of an answer may wait for a client that does not read them."""
    keep_alive_seconds: int = Field(default=75, gt=0)
    """How long a connection may be idle between two requests."""
    max_connections: int = Field(default=4096, gt=0)
    """In all; one more is answered 503."""
    max_connections_per_address: int = Field(default=2048, gt=0)
    """Of IPv6 per /64; one more is answered 503. Behind a load balancer all clients come from its
    few addresses."""
    edge_keys_dir: Path = Path("var/edge-keys")
    """Holds a file `<from>-<to>` with the keys of each edge of the service (kurs.edges)."""
    watchdog_seconds: float = Field(default=5.0, ge=0)
    """After which a process ends whose event loop stands still; 0: never, for a debugger."""
    fault_delay_seconds: float = Field(default=0.0, ge=0)
    fault_error_ratio: float = Field(default=0.0, ge=0, le=1)
    fault_unready: bool = False

    @model_validator(mode="before")
    @classmethod
    def _no_former_names(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Refuse what would silently not be set; raises CannotRun."""
        for variable in os.environ:
            # Variables are read whatever the case of their letters.
            if name := RENAMED.get(variable.upper()):
                raise CannotRun(f"{variable} is not read any more: set {name}")
        return given

    def instance_name(self) -> str:
        """Return the name of this process among its replicas."""
        return self.instance or _instance()


Settings = TypeVar("Settings", bound=ServiceSettings)


def read_settings(kind: type[Settings]) -> Settings:
    """Return what the environment sets; raises CannotRun with all that cannot be used of it."""
    try:
        return kind()
    except SettingsError as error:
        # It names the field, and its source, in a sentence of its own.
        place = tuple(re.findall('field "([^"]+)"', str(error)))
        raise CannotRun(f"{_variable(kind, place)}no JSON: {error.__cause__}") from None
    except ValidationError as error:
        # Without the values: one of them may be a secret.
        found = error.errors(include_input=False, include_context=False, include_url=False)
        wrong = (_variable(kind, each["loc"]) + _reason(each["msg"]) for each in found)
        raise CannotRun("; ".join(wrong)) from None


def _reason(message: str) -> str:
    return " ".join(message.removeprefix("Value error, ").split())


def _variable(kind: type[ServiceSettings], place: tuple[int | str, ...]) -> str:
    """Return how a setting is called where it is set, with a colon; nothing for all of them."""
    if not place:
        return ""
    name, prefix = str(place[0]), kind.model_config["env_prefix"]
    return f"{prefix if name in kind.model_fields else ''}{name}: ".upper()

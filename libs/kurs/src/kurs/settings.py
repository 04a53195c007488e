"""Settings that every service has, read from `KURS_*` environment variables once, at start."""

import os
import socket
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

MEBIBYTE = 1024 * 1024


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
    instance: str = ""
    database_url: str = ""
    config_dir: Path = Path("var/config")
    log_level: str = "info"
    metrics_enabled: bool = True
    """Off only to measure what metrics cost: `/metrics` then names them all and counts nothing."""
    trace_ratio: float = 0.01
    otlp_endpoint: str = ""
    drain_seconds: float = 0.5
    max_body_bytes: int = MEBIBYTE
    fault_delay_seconds: float = Field(default=0.0, ge=0)
    fault_error_ratio: float = Field(default=0.0, ge=0, le=1)
    fault_unready: bool = False

    def instance_name(self) -> str:
        """Return the name of this process among its replicas."""
        return self.instance or _instance()

"""Settings of the operator, from `KURS_*` environment variables."""

import re
from pathlib import Path

from pydantic import field_validator

from kurs.kernel.http_address import HttpAddress
from kurs.kernel.settings import CannotRun, ServiceSettings

CHANGE_TICKET = "[A-Za-z#][A-Za-z0-9._/#-]*[0-9]"
"""A register's numbers, such as CHG0031337, OPS-12 or #7."""

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class OperatorSettings(ServiceSettings):
    """Which namespace the operator serves, and how."""

    service: str = "kurs-operator"
    port: int = 8085
    wallet_url: HttpAddress = "http://127.0.0.1:8083"
    """Where the wallet is, whose signed heads are kept."""
    namespace: str = ""
    """Empty: the namespace of the pod's own ServiceAccount."""
    api_keys_file: Path | None = None
    """The digests of the API keys as the gateway has them; its pods are poked when they change."""
    change_ticket_pattern: str = CHANGE_TICKET
    """What the name of an approval looks like, as a regular expression of all of it."""
    trace_ratio: float = 1.0
    """A rollout is rare and worth its trace."""

    @field_validator("change_ticket_pattern")
    @classmethod
    def _readable(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"no regular expression: {error}") from None
        return pattern

    def served_namespace(self) -> str:
        """Return the namespace; raises CannotRun outside a cluster when none is set."""
        if self.namespace:
            return self.namespace
        try:
            return (_ACCOUNT / "namespace").read_text("utf-8").strip()
        except OSError:
            raise CannotRun("no namespace: set KURS_NAMESPACE") from None

"""Settings of the operator, from `KURS_*` environment variables."""

from pathlib import Path

from kurs.settings import ServiceSettings

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class OperatorSettings(ServiceSettings):
    """Which namespace the operator serves, and how."""

    service: str = "kurs-operator"
    port: int = 8085
    namespace: str = ""
    """Empty: the namespace of the pod's own ServiceAccount."""
    trace_ratio: float = 1.0
    """A rollout is rare and worth its trace."""

    def served_namespace(self) -> str:
        """Return the namespace; raises ValueError outside a cluster when none is set."""
        if self.namespace:
            return self.namespace
        try:
            return (_ACCOUNT / "namespace").read_text("utf-8").strip()
        except OSError:
            raise ValueError("no namespace: set KURS_NAMESPACE") from None

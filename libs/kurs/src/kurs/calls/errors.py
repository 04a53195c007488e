"""How a call can fail without an answer. What matters is whether it may have happened.

TransportError
├── Unreachable         nothing was sent: it did not happen
│   ├── CircuitOpen         not even tried: the target fails again and again
│   └── NoTimeLeft          not even tried: no time left
└── OutcomeUnknown      it was sent, at least in part: it may have happened
    ├── ConnectionLost      the connection broke before the whole answer was there
    └── ResponseTimeout     no answer in time
"""

from typing import ClassVar


class TransportError(Exception):
    """No answer. `target` is the service's name or address, `kind` a bounded label for metrics."""

    kind: ClassVar[str] = "transport"

    def __init__(self, target: str, detail: str) -> None:
        super().__init__(f"{target}: {detail}")
        self.target = target
        self.detail = detail


class Unreachable(TransportError):
    """The request was not sent; nothing happened."""

    kind = "unreachable"


class CircuitOpen(Unreachable):
    """The circuit breaker spared the target the request."""

    kind = "circuit_open"


class NoTimeLeft(Unreachable):
    """The deadline passed before the request was sent."""

    kind = "deadline_exceeded"


class OutcomeUnknown(TransportError):
    """The request may have been handled, and may still be; only its id can tell."""

    kind = "outcome_unknown"


class ConnectionLost(OutcomeUnknown):
    """The connection broke after sending had begun."""

    kind = "connection_lost"


class ResponseTimeout(OutcomeUnknown):
    """The answer did not come in time."""

    kind = "timeout"

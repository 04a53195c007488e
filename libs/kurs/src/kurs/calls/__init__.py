"""Calls between services: transports, deadlines, retries within a budget, circuit breakers."""

from kurs.calls.bounded import BodyTooLarge, read_bounded
from kurs.calls.breaker import BreakerState, CircuitBreaker
from kurs.calls.client import ServiceClient
from kurs.calls.errors import (
    CircuitOpen,
    ConnectionLost,
    NoTimeLeft,
    OutcomeUnknown,
    ResponseTimeout,
    TransportError,
    Unreachable,
)
from kurs.calls.message import Request, Response, StreamedResponse, Transport
from kurs.calls.retry import RetryBudget
from kurs.calls.transport import AiohttpTransport
from kurs.kernel.deadline import DEADLINE_HEADER, Deadline, current_deadline

__all__ = [
    "DEADLINE_HEADER",
    "AiohttpTransport",
    "BodyTooLarge",
    "BreakerState",
    "CircuitBreaker",
    "CircuitOpen",
    "ConnectionLost",
    "Deadline",
    "NoTimeLeft",
    "OutcomeUnknown",
    "Request",
    "Response",
    "ResponseTimeout",
    "RetryBudget",
    "ServiceClient",
    "StreamedResponse",
    "Transport",
    "TransportError",
    "Unreachable",
    "current_deadline",
    "read_bounded",
]

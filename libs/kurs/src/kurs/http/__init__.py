"""Calls between services: transports, deadlines, retries within a budget, circuit breakers."""

from kurs.http.bounded import BodyTooLarge, read_bounded
from kurs.http.breaker import BreakerState, CircuitBreaker
from kurs.http.client import ServiceClient
from kurs.http.deadline import DEADLINE_HEADER, Deadline, current_deadline
from kurs.http.errors import (
    CircuitOpen,
    ConnectionLost,
    DeadlineExceeded,
    OutcomeUnknown,
    ResponseTimeout,
    TransportError,
    Unreachable,
)
from kurs.http.message import Request, Response, StreamedResponse, Transport
from kurs.http.retry import RetryBudget
from kurs.http.transport import AiohttpTransport

__all__ = [
    "DEADLINE_HEADER",
    "AiohttpTransport",
    "BodyTooLarge",
    "BreakerState",
    "CircuitBreaker",
    "CircuitOpen",
    "ConnectionLost",
    "Deadline",
    "DeadlineExceeded",
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

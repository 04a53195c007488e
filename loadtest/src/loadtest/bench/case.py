"""One measured case: a system under a number of clients, and the figures a payment costs."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from loadtest.bench.counters import Counters
from loadtest.bench.load import Load

NAIVE = "naive chain"


@dataclass(frozen=True, slots=True)
class Case:
    """`cpu_seconds` is what each process spent during the load, PostgreSQL's under its name."""

    system: str
    clients: int
    load: Load
    cpu_seconds: Mapping[str, float]
    counters: Counters

    @property
    def per_second(self) -> float:
        """Payments answered per second."""
        return self.load.payments / self.load.seconds if self.load.seconds else 0.0

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds a payment, over all processes but the load generator."""
        return self._per_payment(sum(self.cpu_seconds.values()) * 1000)

    @property
    def requests(self) -> float:
        """Internal HTTP requests a payment."""
        return self._per_payment(self.counters.requests)

    @property
    def transactions(self) -> float:
        """SQL transactions a payment, reading ones included."""
        return self._per_payment(self.counters.reads + self.counters.writes)

    def cpu_ms_by_process(self) -> dict[str, float]:
        """Return the CPU milliseconds a payment by process, the largest first."""
        ordered = sorted(self.cpu_seconds.items(), key=lambda item: -item[1])
        return {name: self._per_payment(seconds * 1000) for name, seconds in ordered}

    def document(self, naive: "Case | None") -> dict[str, Any]:
        """Return the JSON form, with the ratio to the naive chain at as many clients."""
        return {
            "system": self.system,
            "clients": self.clients,
            "payments": self.load.payments,
            "wrong": self.load.wrong,
            "seconds": round(self.load.seconds, 3),
            "payments_per_second": round(self.per_second, 1),
            "latency_ms": asdict(self.load.latency),
            "cpu_ms_per_payment": round(self.cpu_ms, 3),
            "cpu_ms_by_process": {k: round(v, 3) for k, v in self.cpu_ms_by_process().items()},
            "mean_batch": {k: round(v, 2) for k, v in self.counters.mean_batches().items()},
            "sql_transactions_per_payment": round(self.transactions, 3),
            "internal_requests_per_payment": round(self.requests, 3),
            "naive_cpu_ratio": round(ratio(naive, self), 2) if naive else None,
        }

    def _per_payment(self, total: float) -> float:
        return total / self.load.payments if self.load.payments else 0.0


def ratio(naive: Case, case: Case) -> float:
    """Return how many times the CPU of `case` the naive chain spends on a payment."""
    return naive.cpu_ms / case.cpu_ms if case.cpu_ms else 0.0


def yardstick(cases: list[Case], case: Case) -> Case | None:
    """Return the naive chain's case with as many clients, None for itself or if not measured."""
    if case.system == NAIVE:
        return None
    return next((c for c in cases if c.system == NAIVE and c.clients == case.clients), None)

"""The account of a run: what became of the payments, how fast, and whether it had to be so."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from kurs.kernel.money import format_amount, parse_amount
from loadtest.client import UNRESOLVED, Result
from loadtest.expectations import Outcome, expected
from loadtest.measures import Latency, latency

SHOWN_SURPRISES = 20


@dataclass(frozen=True, slots=True)
class Line:
    """Payments of one status, failure code and currency: their number and sum (minor units)."""

    status: str
    code: str
    currency: str
    count: int
    minor: int


@dataclass(frozen=True, slots=True)
class Surprise:
    """A payment whose outcome is not the one that its row demands."""

    payment_id: str
    expected: Outcome
    actual: Outcome


@dataclass(frozen=True, slots=True)
class Summary:
    """What one run over a payment file came to; `seconds` is from first to last payment."""

    count: int
    seconds: float
    latency: Latency
    lines: Sequence[Line]
    surprises: Sequence[Surprise]
    unresolved: int
    repeated: int
    """Payments that took more than one request."""

    @property
    def per_second(self) -> float:
        """Payments that got a final answer, per second."""
        return (self.count - self.unresolved) / self.seconds if self.seconds else 0.0

    def by_outcome(self) -> Mapping[Outcome, int]:
        """Return how many payments had each outcome, the most frequent first."""
        counts: Counter[Outcome] = Counter()
        for line in self.lines:
            counts[Outcome(line.status, line.code)] += line.count
        return dict(counts.most_common())

    def document(self) -> dict[str, Any]:
        """Return the JSON form; amounts are decimal strings in major units."""
        return {
            "payments": self.count,
            "seconds": round(self.seconds, 3),
            "payments_per_second": round(self.per_second, 1),
            "latency_ms": asdict(self.latency),
            "outcomes": [
                {
                    "status": line.status,
                    "code": line.code or None,
                    "currency": line.currency,
                    "count": line.count,
                    "amount": format_amount(line.minor, line.currency),
                }
                for line in self.lines
            ],
            "unresolved": self.unresolved,
            "repeated": self.repeated,
            "unexpected": len(self.surprises),
            "first_unexpected": [
                {"payment_id": s.payment_id, "expected": str(s.expected), "actual": str(s.actual)}
                for s in self.surprises[:SHOWN_SURPRISES]
            ],
        }


def summarise(results: Sequence[Result], seconds: float) -> Summary:
    """Return the account of `results`, which took `seconds` altogether."""
    counts: Counter[tuple[str, str, str]] = Counter()
    sums: defaultdict[tuple[str, str, str], int] = defaultdict(int)
    for result in results:
        key = (result.outcome.status, result.outcome.code, result.row.currency)
        counts[key] += 1
        sums[key] += parse_amount(result.row.amount, result.row.currency)
    return Summary(
        count=len(results),
        seconds=seconds,
        latency=latency([result.seconds for result in results]),
        lines=[Line(*key, counts[key], sums[key]) for key in sorted(counts)],
        surprises=_surprises(results),
        unresolved=sum(result.outcome.status == UNRESOLVED for result in results),
        repeated=sum(result.attempts > 1 for result in results),
    )


def unbalanced(trial_balance: Mapping[str, Any]) -> list[str]:
    """Return the currencies whose postings do not sum to zero, with their sums."""
    return [
        f"{entry['currency']} {entry['sum']}"
        for entry in trial_balance["currencies"]
        if Decimal(entry["sum"]) != 0
    ]


def _surprises(results: Sequence[Result]) -> list[Surprise]:
    return [
        Surprise(result.row.payment_id, expected(result.row), result.outcome)
        for result in results
        if result.outcome != expected(result.row)
    ]

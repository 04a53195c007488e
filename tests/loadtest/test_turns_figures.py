"""Turns of two systems: what is counted for whom, when they end, and what the figures say."""

import random
from collections.abc import Mapping

import pytest

from loadtest.bench.counters import Counters
from loadtest.bench.load import Load, LoadError
from loadtest.bench.systems import System
from loadtest.measures import Latency
from loadtest.turns.course import Course, Side, Terms, run
from loadtest.turns.estimate import estimate
from loadtest.turns.report import document, markdown, remarks, rows

PAID = 100
TERMS = Terms(pairs=8, seconds=0.0, clients=4, rest_seconds=0.01)


class Metered(System):
    """A system whose processes spend so many milliseconds a payment."""

    def __init__(self, name: str, cpu_ms: Mapping[str, float]) -> None:
        super().__init__()
        self.name = name
        self.cpu_ms = cpu_ms
        self.paid = 0

    @property
    def gateway(self) -> str:
        return self.name

    def api_key(self) -> str:
        return ""

    def cpu_seconds(self) -> Mapping[str, float]:
        return {name: self.paid * each / 1000 for name, each in self.cpu_ms.items()}

    def counters(self) -> Counters:
        return Counters()

    def complaints(self) -> list[str]:
        return []

    def _start(self) -> None: ...


class Driving:
    """Pays systems by name, and remembers in which order."""

    name = "test"

    def __init__(self, *systems: Metered, wrong: int = 0) -> None:
        self.systems = {system.name: system for system in systems}
        self.wrong = wrong
        self.order: list[str] = []

    def drive(self, gateway: str, key: str, clients: int, seconds: float, run: str) -> Load:
        del key, clients, seconds
        self.order.append(f"{run} {gateway}")
        self.systems[gateway].paid += PAID
        return Load(PAID, self.wrong, 1.0, Latency(10.0, 20.0, 30.0), "FAILED")


def course(terms: Terms = TERMS) -> tuple[Course, Driving]:
    this = Metered("this", {"wallet": 0.3, "payments": 0.8})
    other = Metered("other", {"wallet": 0.2, "payments": 0.8})
    driving = Driving(this, other)
    return both(this, other, driving, terms), driving


def both(this: Metered, other: Metered, driving: Driving, terms: Terms = TERMS) -> Course:
    found = Course(Side(this.name), Side(other.name))
    run(found, (this, other), driving, terms, lambda: None)
    return found


def test_who_begins_changes_from_pair_to_pair() -> None:
    _, driving = course()

    assert driving.order[:2] == ["warm-up this", "warm-up other"]
    assert driving.order[2:6] == ["pair0 this", "pair0 other", "pair1 other", "pair1 this"]


def test_each_process_is_compared_and_all_of_them() -> None:
    found, _ = course()
    wallet, payments, whole = found.ratio("wallet"), found.ratio("payments"), found.ratio()

    assert wallet is not None
    assert wallet.middle == pytest.approx(1.5)
    assert payments is not None
    assert payments.middle == pytest.approx(1.0)
    assert whole is not None
    assert whole.middle == pytest.approx(1.1)
    assert found.whole_ratio == pytest.approx(1.1)
    assert found.difference_us("wallet").middle == pytest.approx(100)


def test_what_is_spent_at_rest_is_no_payments() -> None:
    class Restless(Metered):
        """Spends ten seconds at each look."""

        looks = 0

        def cpu_seconds(self) -> Mapping[str, float]:
            self.looks += 1
            return {**super().cpu_seconds(), "risk": 10.0 * self.looks}

    this, other = Restless("this", {"wallet": 0.3}), Metered("other", {"wallet": 0.3, "risk": 0.0})

    found = both(this, other, Driving(this, other))

    assert found.this.resting[0]["risk"] > 0
    assert found.this.cpu_ms("wallet") == pytest.approx(found.other.cpu_ms("wallet"))
    assert found.ratio("risk") is None


def test_turns_end_when_the_ratio_is_known() -> None:
    found, _ = course(TERMS._replace(pairs=100))

    assert len(found.this.spent) == 12


def test_no_pair_begins_when_time_is_over() -> None:
    found, _ = course(TERMS._replace(until=0.0))

    assert len(found.this.spent) == len(found.other.spent) == 1


def test_rounds_are_one_course() -> None:
    found, _ = course()
    this = Metered("this", {"wallet": 0.3, "payments": 0.8})
    other = Metered("other", {"wallet": 0.2, "payments": 0.8})

    run(found, (this, other), Driving(this, other), TERMS, lambda: None)

    # The second one ends once there are enough pairs of both.
    assert len(found.this.spent) == len(found.other.loads) == 12
    assert len(found.this.resting) == 2
    assert remarks(found)[:2] == ["12 pairs of turns in 2 rounds", "this: this; other: other"]


def test_a_payment_that_fails_ends_it() -> None:
    this, other = Metered("this", {"wallet": 0.3}), Metered("other", {"wallet": 0.3})

    with pytest.raises(LoadError, match="this: 3 payments were not captured, the first: FAILED"):
        both(this, other, Driving(this, other, wrong=3))


def test_the_table_has_all_of_it_and_each_process_the_dearest_first() -> None:
    found, _ = course()
    table = rows(found)

    assert [row[0] for row in table] == ["all", "payments", "wallet"]
    assert table[0][1:5] == ("1100", "1000", "1.100", "1.100 to 1.100")
    assert table[2][5:] == ("+100", "+100 to +100")
    assert "payments/s: 100 and 100" in remarks(found)
    assert "| all | 1100 | 1000 | 1.100 | 1.100 to 1.100 | +100 | +100 to +100 |" in markdown(
        found, "SQLite"
    )
    assert document(found, "SQLite")["ratio"]["middle"] == pytest.approx(1.1)


def test_the_interval_is_that_of_signed_ranks() -> None:
    """As the tables of Wilcoxon's test have it: of ten values sums up to 8 are that rare."""
    values = [3.1, -1.2, 0.4, 2.2, 5.9, -0.3, 1.7, 0.9, 4.4, 2.8]
    means = sorted((a + b) / 2 for i, a in enumerate(values) for b in values[i:])

    found = estimate(values)

    assert (found.low, found.high) == (means[8], means[-9])
    assert estimate(values[:6]).low == min(values[:6])
    assert estimate(values[:5]).low is None
    assert not estimate(values[:5]).within(100)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    drawn = random.Random(7)
    samples = [estimate([drawn.gauss(1.0, 0.05) for _ in range(12)]) for _ in range(2_000)]

    held = sum((e.low or 0) <= 1.0 <= (e.high or 0) for e in samples)

    assert 0.94 <= held / len(samples) <= 0.97


def test_one_value_that_is_far_off_moves_little() -> None:
    values = [1.0 + n / 1000 for n in range(-10, 11)]

    assert estimate([*values, 9.0]).middle == pytest.approx(1.0, abs=0.002)

"""The log of a long run: what it has is not run again, and what broke is told."""

from collections import Counter
from io import StringIO
from pathlib import Path

from rich.console import Console

from simulation.logbook import Logbook
from simulation.oracle.promise import BrokenPromise
from simulation.plan import Plan
from simulation.run import Outcome


def outcome(seed: int, broken: BrokenPromise | None = None) -> Outcome:
    plan = Plan(seed, 60.0, (), (), ())
    return Outcome(plan, broken, [], f"trace of {seed}", 120.0, Counter(payments=100))


def left(book: Logbook) -> list[int]:
    plans = [Plan(seed, 60.0, (), (), ()) for seed in range(1, 5)]
    return [plan.seed for plan in book.left(plans)]


def test_what_a_log_has_is_not_run_again(tmp_path: Path) -> None:
    file = tmp_path / "log"
    book = Logbook(file)
    book.add(outcome(1))
    book.add(outcome(3))

    assert left(book) == left(Logbook(file)) == [2, 4]


def test_a_line_that_is_half_there_is_run_again(tmp_path: Path) -> None:
    file = tmp_path / "log"
    Logbook(file).add(outcome(1))
    Logbook(file).add(outcome(2))
    file.write_text(file.read_text("utf-8")[:-9], "utf-8")

    book = Logbook(file)
    assert left(book) == [2, 3, 4]
    book.add(outcome(2))
    assert left(Logbook(file)) == [3, 4]


def test_a_broken_promise_ends_nothing_and_is_told(tmp_path: Path) -> None:
    book = Logbook(tmp_path / "log")
    book.add(outcome(1))
    console = Console(file=StringIO())

    assert book.tell(console) == 0
    book.add(outcome(2, BrokenPromise("nothing leaks", "a task")))
    book.add(outcome(3))
    assert book.tell(console) == 1
    told = console.file.getvalue() if isinstance(console.file, StringIO) else ""
    assert "3 seeds" in told
    assert "300 payments, 1 broken" in told
    assert "seed 2: nothing leaks" in told

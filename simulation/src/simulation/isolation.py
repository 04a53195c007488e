"""Runs each plan in a process of its own: what a world leaves in memory no other one meets."""

import gc
import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess

from simulation.plan import Plan
from simulation.run import Outcome

Run = Callable[[Plan], Outcome]


class ProcessEnded(RuntimeError):
    """The process of a plan ended without an outcome: a fault of the simulator itself."""


def outcomes(plans: Iterable[Plan], run: Run, *, jobs: int) -> Iterator[Outcome]:
    """Yield what becomes of each plan, as they end; at most `jobs` run at once (0: in here).

    A process is a copy of this one, so that what was imported and planted here is there, too.
    Raises ProcessEnded.
    """
    if jobs == 0:
        for each in plans:
            yield run(each)
            gc.collect()
        return
    # What is here is shared with every copy, for as long as nobody touches it.
    gc.freeze()
    context = multiprocessing.get_context("fork")
    under_way: dict[Connection, tuple[Plan, ForkProcess]] = {}
    left = iter(plans)
    try:
        while True:
            while len(under_way) < jobs and (plan := next(left, None)) is not None:
                ours, theirs = context.Pipe(duplex=False)
                process = context.Process(target=_report, args=(run, plan, theirs))
                process.start()
                theirs.close()
                under_way[ours] = (plan, process)
            if not under_way:
                return
            for ready in wait(list(under_way)):
                assert isinstance(ready, Connection)
                plan, ended = under_way.pop(ready)
                try:
                    outcome = ready.recv()
                except EOFError:
                    raise ProcessEnded(f"seed {plan.seed} ended without an outcome") from None
                ended.join()
                yield outcome
    finally:
        for _, process in under_way.values():
            process.terminate()


def outcome_of(plan: Plan, run: Run) -> Outcome:
    """Return what becomes of one plan."""
    return next(outcomes([plan], run, jobs=1))


def _report(run: Run, plan: Plan, to: Connection) -> None:
    to.send(run(plan))

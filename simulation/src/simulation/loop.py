"""The event loop of a simulated world: virtual time, a seed that chooses, processes that can die.

Everything runs in one thread. Time stands still while something is ready and jumps to the next
timer when nothing is. Among tasks that are ready at once the seed chooses which goes first; other
callbacks keep their order, since asyncio promises it. What runs in an executor elsewhere (the
database above all) runs here, as one step of the process that asked for it.

A process that dies stops between two steps, as `kill -9` stops it: nothing of it runs again, no
`finally` and no `except` either.
"""

import asyncio
import random
from asyncio import Handle, TimerHandle
from collections.abc import Callable
from contextvars import Context, copy_context
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Any, TypeVar, TypeVarTuple, Unpack
from weakref import WeakSet

from simulation.process import PROCESS, Process, ProcessDied

Args = TypeVarTuple("Args")
Returned = TypeVar("Returned")
Execute = Callable[[Process | None, Callable[[], Any]], Any]
Pauses = Callable[[Process | None], tuple[float, float]]
_MANY = 100
"""Timers that nobody waits for any more are kept up to so many."""


class Stalled(RuntimeError):
    """Nothing is ready and no timer is set: whoever is waited for never comes."""


class _Future(asyncio.Future[Any]):
    """A future that sets put in the order of its making, and not of its place in memory."""

    def __init__(self, number: int, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self._number = number

    def __hash__(self) -> int:
        return self._number


class _Task(asyncio.Task[Any]):
    """The same of a task."""

    def __init__(self, number: int, coro: Any, **how: Any) -> None:
        # Before: it is in a set of all tasks by the end of what follows.
        self._number = number
        super().__init__(coro, **how)

    def __hash__(self) -> int:
        return self._number


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs a world. `chance` decides the order of tasks; `execute` runs blocking work inline."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._chance = chance
        self._virtual = 0.0
        self._timers: list[tuple[float, int, TimerHandle]] = []
        self._numbers = count()
        self._cancelled = 0
        self._frozen: dict[Process, list[Handle]] = {}
        self._tasks: dict[Process, WeakSet[asyncio.Task[Any]]] = {}
        self.steps = 0
        self.execute: Execute = lambda _, work: work()
        self.pauses: Pauses = lambda _: (0.0, 0.0)

    def time(self) -> float:
        """Return the world's seconds."""
        return self._virtual

    def call_soon(
        self,
        callback: Callable[[Unpack[Args]], object],
        *args: *Args,
        context: Context | None = None,
    ) -> Handle:
        """Schedule a step, unless its process is dead."""
        handle = Handle(callback, args, self, context)
        if not _is_dead(handle):
            self._ready.append(handle)  # type: ignore[attr-defined]
        return handle

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Args]], object],
        *args: *Args,
        context: Context | None = None,
    ) -> TimerHandle:
        """Schedule a timer, unless its process is dead; its seconds pass at the process's rate."""
        process = process_of(context)
        if process is not None and process.rate != 1.0:
            when = self._virtual + (when - self._virtual) / process.rate
        timer = TimerHandle(when, callback, args, self, context)
        if not _is_dead(timer):
            timer._scheduled = True  # type: ignore[attr-defined]
            heappush(self._timers, (when, next(self._numbers), timer))
        return timer

    def call_soon_threadsafe(
        self,
        callback: Callable[[Unpack[Args]], object],
        *args: *Args,
        context: Context | None = None,
    ) -> Handle:
        """Schedule a step: there is one thread."""
        return self.call_soon(callback, *args, context=context)

    def run_in_executor(  # type: ignore[override]  # the same, of any arguments
        self,
        executor: Any,  # noqa: ARG002 - there is one thread
        func: Callable[..., Returned],
        *args: Any,
    ) -> "asyncio.Future[Returned]":
        """Run blocking work a moment later, whole; who died meanwhile never sees how it ended."""
        done: asyncio.Future[Returned] = self.create_future()
        process = PROCESS.get(None)
        before, after = self.pauses(process)

        def work() -> None:
            try:
                result = self.execute(process, lambda: func(*args))
            except ProcessDied:
                return
            except Exception as error:
                self.call_later(after, _fail, done, error)
            else:
                self.call_later(after, _succeed, done, result)

        self.call_later(before, work)
        return done

    def create_future(self) -> "asyncio.Future[Any]":
        """Return a future of this loop."""
        return _Future(next(self._numbers), self)

    def create_task(self, coro: Any, *, name: Any = None, context: Any = None) -> Any:
        """Start a task; it is counted among those of its process."""
        task = _Task(next(self._numbers), coro, loop=self, name=name, context=context)
        process = process_of(context)
        if process is not None:
            self._tasks.setdefault(process, WeakSet()).add(task)
        return task

    def tasks(self) -> dict[str, list["asyncio.Task[Any]"]]:
        """Return the tasks of each process that have not ended."""
        return {
            process.name: [task for task in tasks if not task.done()]
            for process, tasks in self._tasks.items()
            if process.alive
        }

    def forget(self, process: Process) -> None:
        """Drop every step and timer of a process that died."""
        self._frozen.pop(process, None)
        timers = (timer for _, _, timer in self._timers)
        for handle in [*self._ready, *timers]:  # type: ignore[attr-defined]
            if handle._context.get(PROCESS, None) is process:
                handle.cancel()

    def freeze(self, process: Process) -> None:
        """Let nothing of a process go on until it is thawed, as SIGSTOP does."""
        self._frozen.setdefault(process, [])

    def thaw(self, process: Process) -> None:
        """Let a frozen process go on."""
        self._ready.extend(self._frozen.pop(process, ()))  # type: ignore[attr-defined]

    def _run_once(self) -> None:
        """Go to the next timer when nothing is ready, and run what is ready then."""
        ready = self._ready  # type: ignore[attr-defined]
        if not ready and not self._stopping:  # type: ignore[attr-defined]
            self._jump()
        self._fire()
        self._choose()
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:
                handle._run()

    def _fire(self) -> None:
        """Make the timers ready that are due, in the order in which they were set."""
        timers = self._timers
        while timers and timers[0][0] <= self._virtual:
            timer = heappop(timers)[2]
            timer._scheduled = False  # type: ignore[attr-defined]
            if timer.cancelled():
                self._cancelled -= 1
            else:
                self._ready.append(timer)  # type: ignore[attr-defined]

    def _choose(self) -> None:
        """Put the tasks that are ready into the seed's order, and the frozen ones aside."""
        ready = self._ready  # type: ignore[attr-defined]
        if self._frozen:
            self._set_aside()
        self.steps += len(ready)
        if len(ready) < 2:
            return
        places = [i for i, handle in enumerate(ready) if _is_step(handle)]
        if len(places) < 2:
            return
        steps = [ready[i] for i in places]
        self._chance.shuffle(steps)
        for place, step in zip(places, steps, strict=True):
            ready[place] = step

    def _jump(self) -> None:
        """Go to the next timer; raises Stalled when there is none."""
        timers = self._timers
        while timers and timers[0][2].cancelled():
            heappop(timers)
            self._cancelled -= 1
        if not timers:
            raise Stalled("nothing is ready and nothing is to come")
        self._virtual = max(self._virtual, timers[0][0])

    def _timer_handle_cancelled(self, handle: TimerHandle) -> None:
        """Throw the timers away that nobody waits for, once they are most of them."""
        self._cancelled += handle._scheduled  # type: ignore[attr-defined]
        if self._cancelled > _MANY and 2 * self._cancelled > len(self._timers):
            self._timers = [timer for timer in self._timers if not timer[2].cancelled()]
            heapify(self._timers)
            self._cancelled = 0

    def _set_aside(self) -> None:
        ready = self._ready  # type: ignore[attr-defined]
        for _ in range(len(ready)):
            handle = ready.popleft()
            aside = self._frozen.get(handle._context.get(PROCESS, None))
            (ready if aside is None else aside).append(handle)

    def _process_events(self, event_list: list[Any]) -> None:
        """Do nothing: there are no sockets."""

    def _write_to_self(self) -> None:
        """Do nothing: nobody sleeps."""


def process_of(context: Context | None) -> Process | None:
    """Return the process that a context belongs to (the present one without)."""
    return PROCESS.get(None) if context is None else context.get(PROCESS, None)


def context_of(process: Process) -> Context:
    """Return a context in which everything belongs to `process`."""
    context = copy_context()
    context.run(PROCESS.set, process)
    return context


def _succeed(done: "asyncio.Future[Any]", result: object) -> None:
    if not done.done():
        done.set_result(result)


def _fail(done: "asyncio.Future[Any]", error: Exception) -> None:
    if not done.done():
        done.set_exception(error)


def _is_step(handle: Handle) -> bool:
    callback = handle._callback  # type: ignore[attr-defined]
    owner = getattr(callback, "__self__", None)
    return isinstance(owner, asyncio.Task) or type(callback).__name__ == "TaskStepMethWrapper"


def _is_dead(handle: Handle) -> bool:
    process = handle._context.get(PROCESS, None)  # type: ignore[attr-defined]
    return process is not None and not process.alive

"""Child processes: they start, end by their own pid, leave a log and their CPU time."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from devstack.processes import ManagedProcess, stop_all, tree_cpu_seconds

Start = Callable[[str], ManagedProcess]
READY = "import time; print('ready', flush=True); time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + READY


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start Python code and wait until it has written `ready`."""
    started: list[ManagedProcess] = []

    def start(code: str) -> ManagedProcess:
        process = ManagedProcess(
            f"p{len(started)}",
            [sys.executable, "-c", code],
            environment=dict(os.environ),
            folder=tmp_path,
            log=tmp_path / f"p{len(started)}.log",
        )
        started.append(process)
        process.start()
        until(lambda: "ready" in process.log_end() or not process.running())
        return process

    yield start
    for process in started:
        process.signal(signal.SIGKILL)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true within a minute"
        time.sleep(0.01)


def test_a_stopped_process_has_ended_by_sigterm(start: Start) -> None:
    process = start(READY)

    process.stop()

    assert process.exit_code == -signal.SIGTERM
    assert process.pid is None


def test_a_process_that_ignores_sigterm_is_killed(start: Start) -> None:
    process = start(STUBBORN)

    process.stop(seconds=0.1)

    assert process.exit_code == -signal.SIGKILL


def test_several_processes_are_stopped_whatever_each_does(start: Start) -> None:
    processes = [start(READY), start(STUBBORN), start("print('ready')")]

    stop_all(processes, seconds=0.1)

    assert not any(process.running() for process in processes)


def test_after_a_kill_it_is_gone_and_starts_again_into_the_same_log(start: Start) -> None:
    process = start(READY)
    first = process.pid

    process.signal(signal.SIGKILL)
    assert not process.running()
    process.start()
    until(lambda: process.log_end().count("ready") == 2)

    assert process.pid not in (None, first)


def test_signals_to_a_process_that_ended_do_nothing(start: Start) -> None:
    process = start("print('ready')")
    until(lambda: not process.running())

    process.signal(signal.SIGTERM)
    process.stop()

    assert process.exit_code == 0


def test_a_terminal_interrupt_does_not_reach_it(start: Start) -> None:
    process = start(READY)

    assert os.getsid(process.pid or 0) != os.getsid(0)


def test_the_end_of_the_log_has_the_last_lines_also_of_a_long_log(start: Start) -> None:
    process = start("print('x' * 50_000); print('ready'); print('one'); print('two')")
    until(lambda: not process.running())

    assert process.log_end(lines=2) == "one\ntwo"


def test_cpu_time_counts_over_a_kill_and_with_ended_children(start: Start) -> None:
    burn = "sum(range(3_000_000))"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', '{burn}']);"
    process = start(child + READY)
    spent = process.cpu_seconds()
    assert spent > 0

    process.signal(signal.SIGKILL)

    assert process.cpu_seconds() >= spent


def test_the_cpu_time_of_a_tree_includes_running_children(start: Start) -> None:
    burn = "import time, sys\nwhile time.process_time() < 0.3: pass\n"
    inner = burn + "sys.stdin.read()"
    nested = burn + f"import subprocess\nsubprocess.run([sys.executable, '-c', {inner!r}])"
    code = f"import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', {nested!r}],"
    process = start(code + " stdin=subprocess.PIPE);" + READY)
    pid = process.pid or 0
    until(lambda: len(psutil.Process(pid).children(recursive=True)) == 2)
    children = psutil.Process(pid).children(recursive=True)
    until(lambda: all(sum(child.cpu_times()[:2]) > 0 for child in children))

    alone = sum(psutil.Process(pid).cpu_times()[:2])

    assert tree_cpu_seconds(pid) > alone
    for child in children:
        child.kill()


def test_the_cpu_time_of_a_tree_that_is_gone_is_zero(start: Start) -> None:
    process = start(READY)
    pid = process.pid or 0
    process.signal(signal.SIGKILL)

    assert tree_cpu_seconds(pid) == 0


def test_what_a_process_writes_is_its_owners_alone(start: Start, tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        code = (
            "import os; open('made', 'w').close(); os.mkdir('folder'); print('ready', flush=True)"
        )
        process = start(code)
        process.wait(60)
    finally:
        os.umask(before)

    for name in ("made", "folder", process.log.name):
        assert (tmp_path / name).stat().st_mode & 0o077 == 0, name

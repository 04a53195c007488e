"""Signals: they end a command, but never in the middle of starting or ending its processes."""

import asyncio
import os
import signal
import threading
from collections.abc import Iterator

import pytest

from devstack.interrupts import (
    Interrupted,
    raise_on_signals,
    run_interruptible,
    uninterrupted,
)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    previous = {number: signal.getsignal(number) for number in numbers}
    raise_on_signals()
    yield
    for number, handler in previous.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_each_signal_raises_with_the_exit_code_of_a_shell(number: int, code: int) -> None:
    with pytest.raises(Interrupted) as raised:
        os.kill(os.getpid(), number)

    assert raised.value.exit_code == code


def test_a_signal_in_a_held_back_block_is_delivered_after_it() -> None:
    steps = []

    def start_processes() -> None:
        with uninterrupted(redeliver=True):
            os.kill(os.getpid(), signal.SIGTERM)
            steps.append("the block ends")
        steps.append("never")

    with pytest.raises(Interrupted):
        start_processes()

    assert steps == ["the block ends"]


def test_a_signal_while_everything_is_being_ended_is_dropped() -> None:
    with uninterrupted():
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted):
        os.kill(os.getpid(), signal.SIGINT)


def test_in_another_thread_nothing_changes() -> None:
    handlers = []

    def work() -> None:
        with uninterrupted():
            handlers.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert handlers == [signal.getsignal(signal.SIGTERM)]


def test_a_signal_cancels_work_on_an_event_loop_which_may_clean_up() -> None:
    steps = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(60)
        finally:
            steps.append("cleaned up")

    with pytest.raises(Interrupted, match="SIGTERM"):
        run_interruptible(work())

    assert steps == ["cleaned up"]
    with pytest.raises(Interrupted):
        os.kill(os.getpid(), signal.SIGTERM)


def test_without_a_signal_the_result_of_the_work_is_returned() -> None:
    async def work() -> int:
        return 7

    assert run_interruptible(work()) == 7

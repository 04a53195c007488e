"""Stays with a running stack: carries out what is asked for, and tells of processes that ended."""

from collections.abc import Mapping

from rich.console import Console

from devstack.errors import StackError
from devstack.orders import carry_out, take_orders
from devstack.stack import Stack


class Attendant:
    """Looks after one stack; what it has to say goes to the console."""

    def __init__(self, console: Console, stack: Stack) -> None:
        self._console = console
        self._stack = stack
        self._ended: set[str] = set()

    def look(self) -> None:
        """Carry out orders and name those that ended; raises StackError when all have."""
        for order in take_orders(self._stack.folder.path):
            carry_out(order, self._stack)
            self._console.print(f"{order.action} {order.service}, as asked for", style="bold")
        self._report_ended()

    def _report_ended(self) -> None:
        now: Mapping[str, int | None] = {
            name: process.exit_code
            for name, process in self._stack.processes.items()
            if not process.running()
        }
        for name in now.keys() - self._ended:
            self._console.print(
                f"{name} ended with code {now[name]}; start it again: make restart SERVICE={name}",
                style="bold red",
                soft_wrap=True,
            )
        self._ended = set(now)
        if len(now) == len(self._stack.processes):
            raise StackError("every process has ended; the reasons are in the lines above")

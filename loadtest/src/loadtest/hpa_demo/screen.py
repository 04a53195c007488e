"""Shows a run while it goes: a table in a terminal, a line every few seconds in a pipe."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.table import Table

from loadtest.hpa_demo.series import Limits, Sample

LINE_SECONDS = 5.0


class Screen(Protocol):
    """What samples are shown on."""

    def show(self, phase: str, sample: Sample) -> None:
        """Show what is going on and the newest sample."""


@contextmanager
def screen(console: Console, limits: Mapping[str, Limits]) -> Iterator[Screen]:
    """Show samples while the block runs."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    with Live(console=console, auto_refresh=False) as live:
        yield _Table(live, limits)


def sentence(phase: str, sample: Sample) -> str:
    """Return a sample as one line of text."""
    services = "; ".join(
        f"{name} {service.ready} of {service.wanted} pods{_cpu(service.cpu, ', CPU ')}"
        for name, service in sample.services.items()
    )
    return (
        f"{sample.second:4.0f} s  {phase}: {sample.per_second:.0f} of {sample.wanted} payments/s, "
        f"p95 {sample.p95:.0f} ms; {services}"
    )


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._next = 0.0

    def show(self, phase: str, sample: Sample) -> None:
        if sample.second >= self._next:
            self._next = sample.second + LINE_SECONDS
            self._console.print(sentence(phase, sample), highlight=False, soft_wrap=True)


class _Table:
    def __init__(self, live: Live, limits: Mapping[str, Limits]) -> None:
        self._live = live
        self._limits = limits

    def show(self, phase: str, sample: Sample) -> None:
        table = Table(title=f"{phase}, {sample.second:.0f} s", title_justify="left")
        for name in ("", "pods", "CPU of its request"):
            table.add_column(name)
        for name, service in sample.services.items():
            most = self._limits[name].most
            pods = "■" * service.ready + "□" * max(0, service.wanted - service.ready)
            table.add_row(name, f"{pods:<{most}} {service.ready}/{most}", _cpu(service.cpu))
        table.add_section()
        table.add_row("payments/s", f"{sample.per_second:.0f} of {sample.wanted}")
        table.add_row("p95", f"{sample.p95:.0f} ms")
        self._live.update(table, refresh=True)


def _cpu(percent: int | None, before: str = "") -> str:
    return "" if percent is None else f"{before}{percent} %"

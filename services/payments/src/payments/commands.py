"""What an operator does by hand with operations that were set aside: list them, take them up."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from kurs.data.by_hand import opened
from kurs.data.database import Database
from kurs.kernel.clock import to_rfc3339
from kurs.kernel.settings import CannotRun
from payments.migrations import VERSIONS
from payments.settings import PaymentsSettings
from payments.store import leases

Result = TypeVar("Result")


def list_set_aside(settings: PaymentsSettings, arguments: Sequence[str]) -> None:
    """Print the operations that are set aside, the longest first; raises CannotRun."""
    if arguments:
        raise CannotRun("set-aside takes no arguments")
    found = asyncio.run(_with(settings, lambda d: d.read(leases.set_aside)))
    for each in found:
        since, asked = to_rfc3339(each.set_aside_at), to_rfc3339(each.created_at)
        _say(f"{each.operation_id}  asked {asked}, set aside {since}, {each.attempts} attempts")
        if each.waits_for is not None:
            _say(f"    waits for {each.waits_for}: {each.open_reason}")
    _say(f"{len(found)} set aside")


def resume(settings: PaymentsSettings, arguments: Sequence[str]) -> None:
    """Let the sweepers try operations again, by their ids or with `--all`; raises CannotRun.

    The services that run do it, within a second; nothing is driven here.
    """
    if not arguments:
        raise CannotRun("name the operations to resume (`set-aside` lists them), or --all")

    async def work(database: Database) -> list[str]:
        wanted = arguments
        if list(arguments) == ["--all"]:
            wanted = [each.operation_id for each in await database.read(leases.set_aside)]
        return await database.write(lambda c: leases.take_up(c, wanted))

    resumed = asyncio.run(_with(settings, work))
    for operation_id in resumed:
        _say(f"resumed {operation_id}")
    unknown = [name for name in arguments if name != "--all" and name not in resumed]
    if unknown:
        raise CannotRun(f"not set aside: {', '.join(unknown)}")


async def _with(
    settings: PaymentsSettings, work: Callable[[Database], Awaitable[Result]]
) -> Result:
    """Do it in a database that has a schema which this program can read; raises CannotRun."""
    async with opened(settings.database_url, VERSIONS) as database:
        return await work(database)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")

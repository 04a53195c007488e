"""`python -m wallet archive`: sets old postings aside, by the owner's URL.

Exit codes: 0 all that could be is archived, 2 the command cannot run, or not go on.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from kurs.data.by_hand import opened
from kurs.data.limits import UNHURRIED
from kurs.kernel.clock import MICROS, SystemClock, from_rfc3339
from kurs.kernel.settings import CannotRun
from wallet.archiving import Archiving
from wallet.migrations import VERSIONS
from wallet.settings import WalletSettings

_CANNOT = 2
_DAY = 86_400 * MICROS


def archive_command(settings: WalletSettings, arguments: Sequence[str]) -> None:
    """Archive the partitions that are closed, say what was done, and exit."""
    parser = argparse.ArgumentParser(
        "python -m wallet archive",
        description="Write whole partitions of postings that are older than a day to files, and "
        "take them out of the ledger's table; payments go on. Transfers stay: an id that was used "
        "answers as before.",
        epilog="The database is that of KURS_DATABASE_URL: PostgreSQL, by the owner's URL. Broken "
        "off, it goes on where it was when it is run again.",
    )
    parser.add_argument(
        "--before", type=_midnight, required=True, metavar="DATE", help="such as 2026-01-01, UTC"
    )
    parser.add_argument(
        "--to", type=Path, required=True, metavar="DIR", help="the folder of the files"
    )
    options = parser.parse_args(arguments)
    try:
        made = asyncio.run(_archive(settings.database_url, options.before, options.to))
    except (CannotRun, OSError, ValueError) as error:
        sys.stderr.write(f"wallet: {error}\n")
        sys.exit(_CANNOT)
    sys.stdout.write(f"Archived: {made} partitions.\n")


async def _archive(url: str, before: int, folder: Path) -> int:
    now = SystemClock().now()
    if before > now - _DAY:
        raise CannotRun("--before must be a day that ended: yesterday at the latest")
    async with opened(url, VERSIONS, UNHURRIED) as database:
        return await Archiving(database, url, folder, now, _say).run(before)


def _midnight(day: str) -> int:
    return from_rfc3339(f"{day}T00:00:00Z")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")

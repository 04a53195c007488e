"""`python -m wallet verify`, `seal` and `archive`: what a person does with a ledger from outside.

Exit codes of verify: 0 nothing was touched, 1 something was, 2 the command cannot run, or not read
all archives.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from kurs.data.address import read_address
from kurs.data.by_hand import opened
from kurs.data.limits import UNHURRIED
from kurs.kernel.clock import SystemClock, to_rfc3339
from kurs.kernel.settings import CannotRun
from wallet.domain.heads import find_heads, published, read_public_key
from wallet.migrations import VERSIONS
from wallet.seal import seal
from wallet.settings import WalletSettings
from wallet.verification import Report, verify
from wallet.walk import Finding, Published

_TOUCHED, _CANNOT = 1, 2


def verify_command(settings: WalletSettings, arguments: Sequence[str]) -> None:
    """Verify the ledger at the settings' database URL, print what was found, and exit."""
    parser = argparse.ArgumentParser(
        "python -m wallet verify",
        description="Walk the ledger's hash chains and compare contents, balances and postings.",
        epilog="The database is that of KURS_DATABASE_URL; reading it is enough.",
    )
    parser.add_argument(
        "--head",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="published heads: logs, a ConfigMap, or any text that has them; may be repeated",
    )
    parser.add_argument(
        "--key",
        type=Path,
        action="append",
        default=[],
        metavar="PEM",
        help="the key that signed the heads, public or private; may be repeated "
        "(default: KURS_LEDGER_SIGNING_KEY_FILE)",
    )
    parser.add_argument(
        "--archives",
        type=Path,
        metavar="DIR",
        help="the folder of the files that `python -m wallet archive` wrote: read them, too",
    )
    options = parser.parse_args(arguments)
    keys = options.key or [f for f in [settings.ledger_signing_key_file] if f is not None]
    try:
        known = _published(options.head, keys)
        report = asyncio.run(_verify(settings.database_url, known, options.archives))
    except (CannotRun, OSError, ValueError) as error:
        sys.stderr.write(f"wallet: {error}\n")
        sys.exit(_CANNOT)
    if options.head and not keys:
        sys.stdout.write("The signatures of the heads were not checked: name a key with --key.\n")
    sys.stdout.write(_text(settings.database_url, report))
    sys.exit(_TOUCHED if report.findings else _CANNOT if report.unread else 0)


def seal_command(settings: WalletSettings, arguments: Sequence[str]) -> None:
    """List the transfers from before there were links in a chain of their own, and close it."""
    parser = argparse.ArgumentParser(
        "python -m wallet seal",
        description="Bring the transfers that an older release made into the hash chain, once no "
        "process of it runs any more. From then on a transfer without a link is a finding.",
    )
    parser.add_argument(
        "--again",
        action="store_true",
        help="also where this was done before: after a rollback; needs the owner's URL",
    )
    options = parser.parse_args(arguments)

    async def run() -> int:
        async with opened(settings.database_url, VERSIONS, UNHURRIED) as database:
            return await seal(database, SystemClock(), again=options.again)

    sealed = asyncio.run(run())
    sys.stdout.write(f"Sealed: {sealed} transfers from before there were links.\n")


async def _verify(url: str, known: Published, archives: Path | None) -> Report:
    async with opened(url, VERSIONS, UNHURRIED) as database:
        return await verify(database, known, on_progress=_show_progress, archives=archives)


def _published(files: Sequence[Path], keys: Sequence[Path]) -> Published:
    public = [read_public_key(key) for key in keys]
    known: dict[tuple[int, int], str] = {}
    for file in files:
        found = published(find_heads(file.read_text("utf-8"), public))
        if not found:
            raise ValueError(f"{file} has no head in it: kurs-head.<payload>.<signature>")
        known = found | known
    return known


def _show_progress(done: int, total: int) -> None:
    """Show on a terminal how far the walk is; in a pipe nothing."""
    if sys.stderr.isatty():
        filled = 30 * done // max(1, total)
        bar = "█" * filled + "·" * (30 - filled)
        sys.stderr.write(f"\r{bar} {done:,} of {total:,} transfers\x1b[K")
        if done >= total:
            sys.stderr.write("\n")


def _text(url: str, report: Report) -> str:
    read = f"{report.transfers:,} transfers in {report.links:,} links"
    lines = [f"Ledger in {read_address(url).place}: {read}."]
    if report.unlinked:
        lines.append(
            f"{report.unlinked:,} transfers are from before there were links and not covered: "
            "run `python -m wallet seal` once."
        )
    if report.archived:
        read = "were read" if report.archives_read else "were not read: name them with --archives"
        lines.append(f"{report.archived:,} postings are in archives, which {read}.")
    lines += [f"NOT READ: {why}" for why in report.unread]
    if not report.findings:
        lines.append(f"Nothing {'that was read ' if report.unread else ''}was touched.")
    else:
        first = next((f for f in report.findings if f.transfer_id is not None), None)
        if first is not None:
            lines.append(f"TOUCHED: the first transfer is {first.transfer_id}.")
        else:
            lines.append("TOUCHED:")
        lines += [_line(finding) for finding in report.findings]
    return "\n".join(lines) + "\n"


def _line(finding: Finding) -> str:
    where = [finding.transfer_id] if finding.transfer_id is not None else []
    when = [to_rfc3339(finding.at)] if finding.at else []
    return "  " + ": ".join([*when, *where, finding.what])

"""Verifies a ledger: the chains, and every sum and content against the postings.

`python -m wallet verify` does all of it at once, from the outside; the running audit in parts.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from kurs.data.database import Database
from kurs.data.limits import WHOLE_SECONDS
from kurs.kernel.settings import CannotRun
from wallet.archive_files import compare_file
from wallet.archive_proof import prove_all
from wallet.domain.archives import Archive
from wallet.domain.tally import Tally
from wallet.store import checks, reports
from wallet.store.archives import list_archives
from wallet.store.archiving import kept_before
from wallet.store.chain import is_sealed
from wallet.sums import sums_from_the_start
from wallet.walk import ChainWalk, Finding, Published

_MOST = 100
"""How many findings of each kind are named; where there are more, the first ones matter."""


@dataclass(slots=True)
class Report:
    """What a verification saw. `unlinked` transfers are from before there were links.

    `archived` postings are in files; `archives_read` tells whether these were read, and `unread`
    why some were not.
    """

    transfers: int = 0
    links: int = 0
    unlinked: int = 0
    archived: int = 0
    archives_read: bool = False
    unread: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def add(self, findings: Iterable[Finding]) -> None:
        """Keep findings, the oldest transfers first, and not more than 100."""
        self.findings = sorted([*self.findings, *findings], key=_age)[:_MOST]


def _age(finding: Finding) -> tuple[bool, int]:
    return finding.transfer_id is None, finding.at


async def verify(
    database: Database,
    published: Published,
    *,
    on_progress: Callable[[int, int], None] | None = None,
    archives: Path | None = None,
) -> Report:
    """Verify the whole ledger; `on_progress` gets the transfers compared and their number.

    With the folder of its `archives` these are read, too.
    """
    report = Report(archives_read=archives is not None)
    total = await database.read(reports.count_transfers, seconds=WHOLE_SECONDS)
    known = await database.read(list_archives)
    asked = Tally(max((archive.whole_before for archive in known), default=0))
    walk = ChainWalk(database, published, page=2_000, asked=asked if archives else None)
    await walk.begin()
    report.add(walk.lost())
    while not walk.done:
        report.add(await walk.step())
        if on_progress is not None:
            on_progress(walk.walked, total)
    report.transfers = walk.walked
    report.links = sum(tip.sequence for tip in walk.tips)
    unlinked, sealed = await database.read(
        lambda c: (checks.count_unlinked(c), is_sealed(c)), seconds=WHOLE_SECONDS
    )
    report.unlinked = 0 if sealed else unlinked
    report.add(await list_unlinked(database) if sealed else ())
    report.add(await compare_sums(database))
    report.add(await database.read(prove_all, seconds=WHOLE_SECONDS))
    report.archived = sum(archive.postings for archive in known)
    if archives is not None:
        await _read_files(report, database, archives, known, asked)
    return report


async def _read_files(
    report: Report, database: Database, folder: Path, known: Sequence[Archive], asked: Tally
) -> None:
    """Compare files with their archives, and all of them together with what was asked for."""
    booked, findings = asked.other(), list[Finding]()
    for archive in known:
        try:
            findings += await compare_file(database, folder, archive, booked)
        except (CannotRun, OSError) as error:
            report.unread.append(str(error))
    report.add(findings)
    if findings or report.unread:
        return
    for posting in await database.read(
        lambda c: kept_before(c, asked.before), seconds=WHOLE_SECONDS
    ):
        booked.book(*posting[1:])
    if asked.legs != booked.legs:
        report.add([Finding("the archives have not all that transfers asked for, or some twice")])


async def list_unlinked(database: Database) -> list[Finding]:
    """Return transfers without a link: once the chains are sealed the wallet made none of them."""
    return await _findings(database, _unlinked)


async def compare_sums(database: Database) -> list[Finding]:
    """Compare contents, balances and holds with the postings of the whole ledger."""
    return await _findings(database, _compare_sums)


async def compare_contents(database: Database) -> list[Finding]:
    """Compare what all transfers asked for with their postings."""
    return await _findings(database, _compare_contents)


async def compare_holds(database: Database) -> list[Finding]:
    """Compare what accounts hold with their open holds."""
    return await _findings(database, _compare_holds)


def balance_off(account_id: str, currency: str, minor: int) -> Finding:
    """Return what is found when a balance is so many minor units more than its postings."""
    return Finding(f"the balance of {account_id} is {_money(minor, currency)} off its postings")


async def _findings(
    database: Database, work: Callable[[Connection], Iterator[Finding]]
) -> list[Finding]:
    """Run a comparison; what was touched so that it is no JSON any more is a finding itself."""
    try:
        return await database.read(lambda c: list(work(c)), seconds=WHOLE_SECONDS)
    except DBAPIError as error:
        return [Finding(f"what is stored cannot be compared: {error.orig}")]


def _unlinked(connection: Connection) -> Iterator[Finding]:
    checks.read_whole_tables(connection)
    for transfer_id, at in checks.unlinked(connection, _MOST):
        yield Finding("the transfer is in no link: the wallet did not make it", transfer_id, at)


def _compare_sums(connection: Connection) -> Iterator[Finding]:
    yield from _compare_contents(connection)
    for unequal in checks.wrong_balances(connection, _MOST):
        yield balance_off(unequal.account_id, unequal.currency, unequal.off)
    yield from _compare_holds(connection)
    for currency, each in sums_from_the_start(connection).items():
        if each.total:
            yield Finding(f"all postings sum to {_money(each.total, currency)}, not to zero")


def _compare_contents(connection: Connection) -> Iterator[Finding]:
    checks.read_whole_tables(connection)
    for found in checks.wrong_postings(connection, _MOST):
        off = _money(found.off, found.currency)
        what = f"its postings on {found.account_id} are {off} off what it asked for"
        if not found.off:
            what = f"its postings on {found.account_id} are not those that it asked for"
        yield Finding(what, found.transfer_id, found.created_at)


def _compare_holds(connection: Connection) -> Iterator[Finding]:
    for unequal in checks.wrong_holds(connection, _MOST):
        off = _money(unequal.off, unequal.currency)
        yield Finding(f"{unequal.account_id} holds {off} more than its open holds")


def _money(minor: int, currency: str) -> str:
    # A currency that was touched may be none.
    return f"{minor} minor units of {currency}"

"""The sums of the ledger, kept as it grows: no look and no request reads it from the beginning.

Postings never change, so the sums of those that have settled are a checkpoint in the database, and
only younger ones are read again. The proof sums up from the first posting on, or from what was
archived (wallet/archive_proof.py proves that), a part at each look, and must meet the checkpoint:
what never changes by the rules can still be changed by a restore, or by a hand on the database.
"""

from collections import Counter
from collections.abc import Mapping
from functools import partial

from sqlalchemy import Connection

from kurs.data.database import Database, Returned, Work
from kurs.data.limits import WHOLE_SECONDS
from kurs.kernel.clock import MICROS
from wallet.store import reports
from wallet.store.archives import archives_end
from wallet.store.checkpoints import (
    Checkpoint,
    archived_checkpoint,
    drop_checkpoint,
    move_checkpoint,
    read_checkpoint,
)
from wallet.store.reports import Sum
from wallet.walk import Finding

# No transaction stays open this long, so postings older than this are all visible.
SETTLED_MICROS = 300 * MICROS
_PAGE = 20_000
_PAGES = 50
"""How many pages of postings a look sums up: for the checkpoint, and once more for the proof."""
_NOTHING = Checkpoint(0, {})


class LedgerSums:
    """Moves the checkpoint on, proves it every `whole_micros`, and knows what all sums up to."""

    def __init__(self, database: Database, *, whole_micros: int) -> None:
        self._database = database
        self._whole_micros = whole_micros
        self._proof: Checkpoint | None = None
        self._proof_began: int | None = None

    async def now(self) -> dict[str, int]:
        """Return the sum of every currency over all postings, in minor units: zero, each."""
        found = await self._database.read(all_sums, seconds=WHOLE_SECONDS)
        return {currency: each.total for currency, each in found.items()}

    async def settle(self, now: int) -> None:
        """Move the checkpoint on over what has settled at `now` (microseconds)."""
        for _ in range(_PAGES):
            since, to = await self._database.read(
                lambda c: _settled(c, now - SETTLED_MICROS), seconds=WHOLE_SECONDS
            )
            if to is None:
                return
            move = partial(move_checkpoint, since=since, to=to)
            await self._database.write(move, seconds=WHOLE_SECONDS)

    async def prove(self, now: int) -> list[Finding] | None:
        """Go on with the proof; return what a whole one found, None while none has ended."""
        if self._proof is None:
            if self._proof_began is not None and now - self._proof_began < self._whole_micros:
                return None
            self._proof, self._proof_began = _NOTHING, now
        for _ in range(_PAGES):
            proof, kept = await self._database.read(
                lambda c: _between_archives(c, self._go_on), seconds=WHOLE_SECONDS
            )
            if proof.entry_id < kept.entry_id:
                self._proof = proof
                continue
            self._proof = None
            findings = _differences(proof.sums, kept.sums)
            if findings:
                await self._database.write(drop_checkpoint, seconds=WHOLE_SECONDS)
            return findings
        return None

    def _go_on(self, connection: Connection) -> tuple[Checkpoint, Checkpoint]:
        """Return the proof a page further, no further than the checkpoint, and the checkpoint."""
        kept = read_checkpoint(connection)
        proof = self._proof or _NOTHING
        # Another replica may have dropped it meanwhile, or what was summed up was archived.
        if not archives_end(connection).last_entry <= proof.entry_id <= kept.entry_id:
            proof = archived_checkpoint(connection)
        until = reports.page_end(connection, proof.entry_id, _PAGE)
        until = kept.entry_id if until is None else min(until, kept.entry_id)
        return _extended(connection, proof, until), kept


def all_sums(connection: Connection) -> dict[str, Sum]:
    """Return sum and number of all postings by currency."""
    return _sums_behind(connection, read_checkpoint)


def sums_from_the_start(connection: Connection) -> dict[str, Sum]:
    """Return the same without believing a checkpoint: of what was archived, and all postings."""
    return _sums_behind(connection, archived_checkpoint)


def _sums_behind(connection: Connection, begin: Work[Checkpoint]) -> dict[str, Sum]:
    found = _between_archives(connection, lambda c: _extended(c, begin(c), None))
    return dict(found.sums)


def _between_archives(connection: Connection, work: Work[Returned]) -> Returned:
    """Return what statements say between which no archive was made: each sees its own moment."""
    ended = archives_end(connection)
    while True:
        found, before = work(connection), ended
        if (ended := archives_end(connection)) == before:
            return found


def _settled(connection: Connection, before: int) -> tuple[Checkpoint, Checkpoint | None]:
    """Return the checkpoint, and a page further: None if nothing more was made before `before`."""
    kept = read_checkpoint(connection)
    until = reports.page_end(connection, kept.entry_id, _PAGE, created_before=before)
    return kept, None if until is None else _extended(connection, kept, until)


def _extended(connection: Connection, kept: Checkpoint, until: int | None) -> Checkpoint:
    younger = reports.sums_between(connection, kept.entry_id, until)
    totals = Counter({currency: each.total for currency, each in kept.sums.items()})
    postings = Counter({currency: each.postings for currency, each in kept.sums.items()})
    totals.update({currency: each.total for currency, each in younger.items()})
    postings.update({currency: each.postings for currency, each in younger.items()})
    sums = {currency: Sum(totals[currency], count) for currency, count in postings.items() if count}
    return Checkpoint(kept.entry_id if until is None else until, sums)


def _differences(proven: Mapping[str, Sum], kept: Mapping[str, Sum]) -> list[Finding]:
    return [
        Finding(
            f"the checkpoint of {currency} says {_told(kept.get(currency))}, and its "
            f"postings {_told(proven.get(currency))}"
        )
        for currency in sorted({*proven, *kept})
        if proven.get(currency, Sum(0, 0)) != kept.get(currency, Sum(0, 0))
    ]


def _told(found: Sum | None) -> str:
    total, postings = found or Sum(0, 0)
    return f"{postings} with the sum of {total} minor units"

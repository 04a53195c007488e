"""Walks the hash chains link by link and compares what they list with what is stored.

A walk holds one page at a time and remembers where it is: the running audit takes a step at each
look, `python -m wallet verify` all of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import Connection

from kurs.data.database import Database
from kurs.data.limits import WHOLE_SECONDS
from wallet.domain.chain import entries_digest, link_hash, read_entries, transfer_digest
from wallet.domain.tally import Tally
from wallet.domain.transfers import Record
from wallet.store.chain import Link, Tip, links_after, read_tips, records_by_id
from wallet.store.tables import STRIPES

Published = Mapping[tuple[int, int], str]
"""Hashes of links that were kept elsewhere, by chain and sequence."""


class Finding(NamedTuple):
    """Something that is not as it was committed; `at` in microseconds, 0 when nothing tells."""

    what: str
    transfer_id: str | None = None
    at: int = 0


@dataclass(slots=True)
class ChainWalk:
    """One walk along all chains, up to where they ended when it began.

    `page` is how many transfers a step reads, about; `walked` counts those that were compared, and
    `asked` what they asked for.
    """

    database: Database
    published: Published = field(default_factory=dict)
    page: int = 200
    asked: Tally | None = None
    walked: int = 0
    tips: Sequence[Tip] = ()
    _left: list[Tip] = field(default_factory=list)
    _sequence: int = 0
    _hash: str = ""

    async def begin(self) -> None:
        """Read where the chains end now, and stand at the beginning of the first."""
        self.tips = await self.database.read(read_tips)
        self._left = [tip for tip in self.tips if tip.last or tip.sequence]
        self._at_genesis()

    def lost(self) -> Iterator[Finding]:
        """Return the chains that must be there and are not."""
        there = {tip.chain for tip in self.tips}
        for chain in sorted({*range(STRIPES), *(chain for chain, _ in self.published)} - there):
            yield Finding(f"chain {chain} is gone")

    @property
    def done(self) -> bool:
        """Tell whether every chain was walked."""
        return not self._left

    async def step(self) -> list[Finding]:
        """Compare the next page of links with what is stored."""
        tip = self._left[0]
        links, stored = await self.database.read(
            lambda c: self._read(c, tip), seconds=WHOLE_SECONDS
        )
        findings = [finding for link in links for finding in self._check(link, stored)]
        if not links or self._sequence >= tip.last:
            findings += self._check_end(tip)
            self._left.pop(0)
            self._at_genesis()
        return findings

    def _at_genesis(self) -> None:
        self._sequence, self._hash = 0, self._left[0].genesis if self._left else ""

    def _read(self, connection: Connection, tip: Tip) -> tuple[list[Link], dict[str, Record]]:
        links = links_after(
            connection, tip.chain, self._sequence, until=tip.last, transfers=self.page
        )
        ids = {transfer_id for link in links for transfer_id in _entries(link)}
        return links, records_by_id(connection, ids) if ids else {}

    def _check(self, link: Link, stored: Mapping[str, Record]) -> Iterator[Finding]:
        entries = _entries(link)
        name, at = f"link {link.sequence} of chain {link.chain}", link.created_at
        first = next(iter(entries), None)
        if link.sequence != self._sequence + 1:
            yield Finding(f"the links from {self._sequence + 1} to {name} are gone", first, at)
        elif link.hash != _expected(link, self._hash) or link.transfers != len(entries):
            yield Finding(f"{name} is not the one that was made", first, at)
        if self.published.get((link.chain, link.sequence), link.hash) != link.hash:
            yield Finding(f"{name} is not the one that was published", first, at)
        yield from _compare(entries, stored, at)
        if self.asked is not None:
            for record in (stored[name] for name in entries if name in stored):
                self.asked.ask(record)
        self._sequence, self._hash = link.sequence, link.hash
        self.walked += link.transfers

    def _check_end(self, tip: Tip) -> Iterator[Finding]:
        last = self._sequence
        if (last, self._hash) != (tip.sequence, tip.hash):
            yield Finding(f"chain {tip.chain} ends with link {last}, and did with {tip.sequence}")
        beyond = [s for chain, s in self.published if chain == tip.chain and s > last]
        if beyond:
            yield Finding(
                f"chain {tip.chain} ends with link {last}, and link {max(beyond)} was "
                "published: its end was cut off"
            )


def _entries(link: Link) -> dict[str, str]:
    try:
        return read_entries(link.entries)
    except ValueError:
        return {}


def _expected(link: Link, previous: str) -> str:
    return link_hash(link.chain, link.sequence, previous, entries_digest(link.entries))


def _compare(
    entries: Mapping[str, str], stored: Mapping[str, Record], at: int
) -> Iterator[Finding]:
    for transfer_id, digest in entries.items():
        record = stored.get(transfer_id)
        if record is None:
            yield Finding("the transfer is gone", transfer_id, at)
        elif transfer_digest(record) != digest:
            yield Finding("the stored transfer is not the one that was made", transfer_id, at)

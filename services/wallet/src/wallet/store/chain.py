"""Adds links to the chains, and reads them back.

A chain's tip is one row that each batch of its stripe moves on as the last thing but its commit:
two processes on one stripe wait there for each other, for the length of a commit, and never fork
the chain. Links themselves are append-only.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from kurs.data.bulk import Write, rows_with, write_all
from wallet.domain.chain import HISTORY, entries_digest, link_hash, read_entries, write_entries
from wallet.domain.transfers import ARCHIVE, DEPOSIT, EXPIRY, Kind, Record
from wallet.store.tables import chains, links, transfers

# An UPDATE that waited for another process's sees what that one wrote.
_TIP_POSTGRESQL = """
UPDATE chains SET sequence = sequence + 1, hash = encode(sha256(convert_to(
    chain || ':' || sequence + 1 || ':' || hash || ':' || $4::text, 'UTF8')), 'hex')
WHERE chain = $5::smallint RETURNING chain, sequence, hash
"""
_LINK_POSTGRESQL = """
INSERT INTO links (chain, sequence, hash, transfers, entries, created_at)
SELECT tip.chain, tip.sequence, tip.hash, made.* FROM tip,
    unnest($1::integer[], $2::text[], $3::bigint[]) AS made
"""
_TIP_SQLITE = "SELECT sequence, hash FROM chains WHERE chain = ?"
_LINK_SQLITE = """
INSERT INTO links (chain, sequence, hash, transfers, entries, created_at)
VALUES (?, ?, ?, ?, ?, ?)
"""
_MOVE_SQLITE = "UPDATE chains SET sequence = ?, hash = ? WHERE chain = ?"


class Tip(NamedTuple):
    """Where a chain ends: the number of its last link and that one's hash.

    `genesis` is what stands for the hash before link 1: random, so no two ledgers share a chain.
    `last` is the number of the last link that is there: the same.
    """

    chain: int
    sequence: int
    hash: str
    genesis: str
    last: int


class Link(NamedTuple):
    """One committed batch; `created_at` in microseconds."""

    chain: int
    sequence: int
    hash: str
    transfers: int
    entries: str
    created_at: int


class Page(NamedTuple):
    """Links of a chain, in order; times in microseconds."""

    until: int
    """The number of the last of them, or of the one before when there is none."""
    asked: Sequence[tuple[int, Sequence[str]]]
    """Of each link when it was made, and the transfers in it that the wallet was asked for."""
    deposits: Sequence[Record]


_OWN = (DEPOSIT, EXPIRY, ARCHIVE)


def linking(
    connection: Connection, chain: int, records: Sequence[Record], created_at: int
) -> list[Write]:
    """Return the writes that add a link over the records of a batch, in its transaction."""
    entries = write_entries(records)
    digest = entries_digest(entries)
    if connection.dialect.name == "postgresql":
        tip = _TIP_POSTGRESQL
        row = (len(records), entries, created_at)
        return [Write(_LINK_POSTGRESQL, [row], (digest, chain), (("tip", tip),))]
    sequence, previous = connection.exec_driver_sql(_TIP_SQLITE, (chain,)).one()
    sequence += 1
    hash_ = link_hash(chain, sequence, previous, digest)
    link = (chain, sequence, hash_, len(records), entries, created_at)
    return [Write(_LINK_SQLITE, [link]), Write(_MOVE_SQLITE, [(sequence, hash_, chain)])]


def append_link(
    connection: Connection, chain: int, records: Sequence[Record], created_at: int
) -> None:
    """Add a link over records, in the transaction that stores them."""
    added = write_all(connection, linking(connection, chain, records, created_at))
    assert added[0] == 1, f"there is no chain {chain}"


def read_tips(connection: Connection) -> list[Tip]:
    """Return the tips of all chains."""
    last = select(func.max(links.c.sequence)).where(links.c.chain == chains.c.chain)
    query = select(chains, func.coalesce(last.scalar_subquery(), 0)).order_by(chains.c.chain)
    return [Tip(*row) for row in connection.execute(query)]


def links_after(
    connection: Connection, chain: int, sequence: int, *, until: int, transfers: int
) -> list[Link]:
    """Return the next links of a chain after a sequence, up to and with `until`.

    As many as list `transfers` in all, but always one, if there is one.
    """
    between = (links.c.chain == chain, links.c.sequence > sequence, links.c.sequence <= until)
    sizes = select(links.c.sequence, links.c.transfers).where(*between)
    last, room = sequence, transfers
    for following, size in connection.execute(sizes.order_by(links.c.sequence).limit(transfers)):
        if last != sequence and size > room:
            break
        last, room = following, room - max(1, size)
    query = select(links).where(*between, links.c.sequence <= last).order_by(links.c.sequence)
    return [Link(*row) for row in connection.execute(query)]


def page_after(connection: Connection, chain: int, sequence: int, limit: int) -> Page:
    """Return a chain's next links.

    A link is seen only when those before it are: its chain's tip is locked until the commit.
    """
    found = links_after(connection, chain, sequence, until=2**53, transfers=limit)
    listed = [(link.created_at, list(read_entries(link.entries))) for link in found]
    own = _own(connection, [name for _, ids in listed for name in ids if name.startswith(_OWN)])
    return Page(
        until=found[-1].sequence if found else sequence,
        asked=[(at, [name for name in ids if name not in own]) for at, ids in listed],
        deposits=[record for record in own.values() if record.kind == Kind.DEPOSIT],
    )


def _own(connection: Connection, ids: Collection[str]) -> dict[str, Record]:
    """Return those of these transfers that nobody asked the wallet for, in their order.

    The release of a hold has its id from who asked for it, too.
    """
    stored = records_by_id(connection, ids) if ids else {}
    return {
        name: stored[name]
        for name in ids
        if name in stored and stored[name].kind in (Kind.DEPOSIT, Kind.EXPIRY, Kind.ARCHIVE)
    }


def records_by_id(connection: Connection, ids: Collection[str]) -> dict[str, Record]:
    """Return the stored transfers that have one of these ids."""
    rows = rows_with(connection, transfers, "transfer_id", ids)
    return {row["transfer_id"]: Record(**row) for row in rows}


def is_sealed(connection: Connection) -> bool:
    """Tell whether no transfer may be without a link: see HISTORY."""
    if connection.execute(select(chains).where(chains.c.chain == HISTORY)).first() is None:
        return True
    closing = select(links.c.sequence).where(links.c.chain == HISTORY, links.c.transfers == 0)
    return connection.execute(closing).first() is not None

"""Lists of payments: what they are narrowed to, page by page, by indexes on both databases."""

import operator
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from msgspec import Struct
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    String,
    TextClause,
    func,
    literal_column,
    select,
    text,
    tuple_,
    union,
)

from kurs.data.bulk import is_any_of
from payments.store.reads import Found, with_waiting
from payments.store.rows import read_payment
from payments.store.tables import payments

_WORD = re.compile(r"[A-Za-z0-9\x80-\U0010ffff]+")
# In the words of the indexes (migration 0010).
_CODE = {"sqlite": "json_extract(failure, '$.code')", "postgresql": "(failure ->> 'code')"}
_SAYS = {
    "sqlite": "uid IN (SELECT uid FROM payment_words WHERE payment_words MATCH :words)",
    "postgresql": "(description IS NOT NULL OR metadata::text <> '{}')"
    " AND payment_words(description, metadata) @@ CAST(:words AS tsquery)",
}

_FEW = 1_000
_HAVE = text(
    "SELECT count(*) FROM "
    "(SELECT 1 FROM payment_words WHERE payment_words MATCH :words LIMIT :most)"
)
# The unary plus keeps SQLite from going along the index of a merchant's list.
_UNINDEXED_MERCHANT: ColumnElement[str] = literal_column("+payments.merchant", String)
Places = Select[tuple[int, str]]


class Place(NamedTuple):
    """Where in a list of payments one is: by when it was made, and its uid."""

    created_at: int
    uid: str


class Filter(Struct, frozen=True):
    """What a list of payments is narrowed to.

    Amounts are minor units of `currency`, both included; times are microseconds since the epoch,
    `since` included and `until` not. `words` are each the beginning of a word in the description or
    in a value of the metadata.
    """

    merchant: str
    status: str | None = None
    account: str | None = None
    currency: str | None = None
    amount_min: int | None = None
    amount_max: int | None = None
    since: int | None = None
    until: int | None = None
    failure_code: str | None = None
    words: tuple[str, ...] = ()


class Cut(Struct, frozen=True):
    """Which part of a list: what is behind `after`, the newest first or the oldest."""

    after: tuple[int, str] | None = None
    limit: int = 50
    oldest_first: bool = False


class Page(Struct, frozen=True):
    """Some payments in order, and where this page ends; None when it is the last one."""

    items: Sequence[Found]
    end: Place | None


def words_of(said: str) -> tuple[str, ...]:
    """Return the words of a text, as payments are found by them."""
    return tuple(_WORD.findall(said))


def list_payments(connection: Connection, wanted: Filter, cut: Cut) -> Page:
    """Return a page of payments."""
    places = _places(connection, wanted, cut)
    shown = places[: cut.limit]
    uids = [place.uid for place in shown]
    query = select(payments).where(is_any_of(connection, payments.c.uid, uids))
    found = {row["uid"]: read_payment(row) for row in connection.execute(query).mappings()}
    # A payment may be archived between the two statements.
    items = [found[uid] for uid in uids if uid in found]
    end = shown[-1] if len(places) > cut.limit else None
    return Page(with_waiting(connection, items), end)


def count_payments(connection: Connection, wanted: Filter) -> int:
    """Return how many payments the list has."""
    both = _together(_sides(connection, wanted)).subquery()
    return connection.execute(select(func.count()).select_from(both)).scalar_one()


def _places(connection: Connection, wanted: Filter, cut: Cut) -> list[Place]:
    """Return where the payments of a page are, and of one more if there are any: from indexes."""
    sides = [_cut(side, cut) for side in _sides(connection, wanted)]
    query = _cut(_together(sides), cut)
    return [Place(row.created_at, row.uid) for row in connection.execute(query)]


def _cut(query: Places, cut: Cut) -> Places:
    place = tuple(query.selected_columns)
    if cut.after is not None:
        here, behind = tuple_(*place), cut.after
        query = query.where(here > behind if cut.oldest_first else here < behind)
    order = place if cut.oldest_first else [column.desc() for column in place]
    return query.order_by(*order).limit(cut.limit + 1)


def _sides(connection: Connection, wanted: Filter) -> list[Places]:
    """Return the list, or what an account pays and what it is paid: each of these has an index."""
    query = select(payments.c.created_at, payments.c.uid).where(*_conditions(connection, wanted))
    if wanted.account is None:
        return [query]
    sides = (payments.c.source_account, payments.c.destination_account)
    return [query.where(side == wanted.account) for side in sides]


def _together(sides: Sequence[Places]) -> Places:
    if len(sides) == 1:
        return sides[0]
    both = union(*(select(side.subquery()) for side in sides)).subquery()
    return select(both.c.created_at, both.c.uid)


def _conditions(connection: Connection, wanted: Filter) -> list[ColumnElement[bool] | TextClause]:
    columns, dialect = payments.c, connection.dialect.name
    code: ColumnElement[str] = literal_column(_CODE[dialect], String)
    compared: Sequence[tuple[ColumnElement[Any], Callable[[Any, Any], Any], Any]] = (
        (columns.status, operator.eq, wanted.status),
        (columns.currency, operator.eq, wanted.currency),
        (columns.amount, operator.ge, wanted.amount_min),
        (columns.amount, operator.le, wanted.amount_max),
        (columns.created_at, operator.ge, wanted.since),
        (columns.created_at, operator.lt, wanted.until),
        (code, operator.eq, wanted.failure_code),
    )
    where: list[ColumnElement[bool] | TextClause]
    where = [compare(column, value) for column, compare, value in compared if value is not None]
    if wanted.failure_code is not None:
        where.append(columns.failure.is_not(None))
    merchant: ColumnElement[str] = columns.merchant
    if wanted.words:
        sought = _sought(dialect, wanted.words)
        where.append(text(_SAYS[dialect]).bindparams(words=sought))
        if dialect == "sqlite" and _few_have(connection, sought):
            merchant = _UNINDEXED_MERCHANT
    return [merchant == wanted.merchant, *where]


def _few_have(connection: Connection, sought: str) -> bool:
    """Tell whether a text is found in so few payments that a list is best made from them.

    PostgreSQL keeps statistics of words; SQLite walks along the list, to its end for a rare one.
    """
    found = connection.execute(_HAVE, {"words": sought, "most": _FEW + 1}).scalar_one()
    return bool(found <= _FEW)


def _sought(dialect: str, words: Sequence[str]) -> str:
    """Return the search for payments that have a word for each of `words`, which it begins."""
    if dialect == "sqlite":
        return " ".join(f'"{word}"*' for word in words)
    return " & ".join(f"'{_lower(word)}':*" for word in words)


def _lower(word: str) -> str:
    """Return a word as the database lowers it: in ASCII alone, whatever its locale is."""
    return "".join(c.lower() if c.isascii() else c for c in word)

"""Which destinations the database knows, whose they are, and what was sent to each last.

With `pass_locked` a destination whose row somebody keeps locked is left as it is.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, select, update

from kurs.data.bulk import insert_rows, is_any_of
from kurs.data.database import for_update
from webhooks.domain.delivery import State
from webhooks.domain.version import Version
from webhooks.store.tables import deliveries, destinations

Versions = Callable[[], Mapping[str, Version]]
"""Returns the version of each destination in force, by name."""
_COLUMNS = (
    "name", "fingerprint", "merchant", "news", "lease_until", "failures", "retry_at"
)  # fmt: skip
_EDITED: Mapping[str, Any] = {
    "gone_at": None, "failures": 0, "failing_since": None, "retry_at": 0
}  # fmt: skip
_OF_ANOTHER: Mapping[str, Any] = {
    "last_sequence": None, "last_error": None, "last_error_at": None, "delivered_sequence": None,
    "delivered_at": None,
}  # fmt: skip


class Last(NamedTuple):
    """The last sequence that a destination was given, and its count of news."""

    sequence: int | None
    news: int


def register(
    connection: Connection, versions: Mapping[str, Version], now: int, *, pass_locked: bool = False
) -> bool:
    """Know these destinations; one that was edited is sent to again, whatever it said before.

    One whose name was another merchant's begins anew, and tells nothing of what that one got.
    Returns whether all are known as they are by now.
    """
    # A lease that has just run out: free, and seen now, so that no replica that does not see its
    # file yet forgets it.
    fresh = [(name, *version, 0, now - 1, 0, 0) for name, version in sorted(versions.items())]
    insert_rows(connection, destinations, _COLUMNS, fresh, skip_existing=True)
    columns = (destinations.c.name, destinations.c.fingerprint, destinations.c.merchant)
    known = select(*columns).where(is_any_of(connection, columns[0], list(versions)))
    before = {name: Version(*rest) for name, *rest in connection.execute(known)}
    edited = [name for name in versions if before[name] != versions[name]]
    free = _free(connection, edited) if pass_locked else edited
    for name in sorted(free):
        _renew(connection, name, before[name], versions[name], now)
    return len(free) == len(edited)


def last_of(
    connection: Connection,
    owners: Mapping[str, str],
    versions: Versions,
    now: int,
    *,
    pass_locked: bool = False,
) -> dict[str, Last]:
    """Lock destinations, by their merchants, and return what is last of each; of none that is
    locked.

    One that is not known, or as another's, is registered: it is newer than the last look, or was
    forgotten meanwhile.
    """
    columns = (*(destinations.c[name] for name in ("name", "last_sequence", "news", "merchant")),)
    query = select(*columns).where(is_any_of(connection, columns[0], sorted(owners)))
    locked = _locking(connection, query, pass_locked)
    found = {row.name: row for row in connection.execute(locked)}
    strange = [
        name
        for name, merchant in owners.items()
        if name not in found or found[name].merchant not in (None, merchant)
    ]
    if strange:
        known, none = versions(), Version("", "")
        owned = {n: known.get(n, none)._replace(merchant=owners[n]) for n in strange}
        register(connection, owned, now, pass_locked=pass_locked)
        found = {row.name: row for row in connection.execute(locked)}
    return {
        name: Last(row.last_sequence, row.news)
        for name, row in found.items()
        # One that was locked when it was to be registered may be free by now, and another's still.
        if row.merchant in (None, owners[name])
    }


def _free(connection: Connection, names: list[str]) -> list[str]:
    query = select(destinations.c.name).where(is_any_of(connection, destinations.c.name, names))
    return list(connection.execute(_locking(connection, query, pass_locked=True)).scalars())


def _locking(connection: Connection, query: Select[Any], pass_locked: bool) -> Select[Any]:
    return for_update(connection, query.order_by(destinations.c.name), skip_locked=pass_locked)


def _renew(connection: Connection, name: str, before: Version, version: Version, now: int) -> None:
    changed: dict[str, Any] = version._asdict()
    edited = version.fingerprint != before.fingerprint
    # A release before this one did not say whose it was.
    is_of_another = before.merchant not in (None, version.merchant)
    if edited or is_of_another:
        changed |= {**_EDITED, "news": destinations.c.news + 1}
    if is_of_another:
        changed |= {**_OF_ANOTHER, "merchant_since": now}
    connection.execute(update(destinations).where(destinations.c.name == name).values(changed))
    if edited:
        d = deliveries.c
        late = (d.destination == name) & (d.state == State.WAITING.value) & (d.next_at > now)
        connection.execute(update(deliveries).where(late).values(next_at=now, rest_until=None))

"""What a database's errors mean: the one classification of what its drivers raise.

PostgreSQL's codes are of its appendix A, SQLite's of https://sqlite.org/rescode.html. Whatever is
not named here is a fault of the program, and stays the exception that it is.
"""

import sqlite3
from enum import Enum

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from kurs.kernel.errors import Unavailable


class RetryTransaction(Exception):
    """Raised inside a transaction to roll it back and run it again on what is stored now."""


class DatabaseUnavailable(Unavailable):
    """The database cannot be used now; the outcome of a write is not known to have happened."""

    code = "database_unavailable"
    title = "Database unavailable"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"retry-after": "1"})


class DatabaseBlocked(DatabaseUnavailable):
    """Somebody else keeps locked what this needs, or it took too long; nothing was done.

    Others may go on.

    `key` is what it was, where the transaction told it (LockedOut).
    """

    def __init__(self, detail: str, key: str | None = None) -> None:
        super().__init__(detail)
        self.key = key


class LockedOut(Exception):
    """Raised inside a transaction when a lock did not come, to tell whose `key` it was."""

    def __init__(self, key: str) -> None:
        super().__init__(f"somebody keeps {key} locked")
        self.key = key


class Trouble(Enum):
    """What may be done about an error that is no fault of the program."""

    CONFLICT = "another transaction was first: again, on what is stored now"
    BLOCKED = "another transaction keeps something locked: nothing is to be gained at once"
    GONE = "this connection is of no use: again, on a fresh one"
    FULL = "there is no room: a connection, or bytes"


_CANCELLED = "57014"
_STATES = {
    "40001": Trouble.CONFLICT,  # serialization_failure
    "40P01": Trouble.CONFLICT,  # deadlock_detected
    "55P03": Trouble.BLOCKED,  # lock_not_available: lock_timeout
    _CANCELLED: Trouble.BLOCKED,  # query_canceled: statement_timeout
    "25006": Trouble.GONE,  # read_only_sql_transaction: a primary that is none any more
    "25P03": Trouble.GONE,  # idle_in_transaction_session_timeout
    "55000": Trouble.GONE,  # object_not_in_prerequisite_state, such as during recovery
    "58030": Trouble.FULL,  # io_error
}
_CLASSES = {
    "08": Trouble.GONE,  # connection exceptions
    "28": Trouble.GONE,  # it lets this program not in
    "53": Trouble.FULL,  # too many connections, disk or memory full
    "57": Trouble.GONE,  # it starts, or stops
}
_SQLITE = {
    sqlite3.SQLITE_BUSY: Trouble.CONFLICT,
    sqlite3.SQLITE_LOCKED: Trouble.CONFLICT,
    sqlite3.SQLITE_INTERRUPT: Trouble.BLOCKED,
    sqlite3.SQLITE_FULL: Trouble.FULL,
    sqlite3.SQLITE_NOMEM: Trouble.FULL,
    sqlite3.SQLITE_IOERR: Trouble.GONE,
    sqlite3.SQLITE_READONLY: Trouble.GONE,
    sqlite3.SQLITE_CANTOPEN: Trouble.GONE,
    sqlite3.SQLITE_PROTOCOL: Trouble.GONE,
}


def trouble_of(error: BaseException) -> Trouble | None:
    """Return what an error means, None for a fault of the program."""
    if isinstance(error, RetryTransaction):
        return Trouble.CONFLICT
    if isinstance(error, LockedOut):
        return Trouble.BLOCKED
    if isinstance(error, PoolTimeout):
        return Trouble.FULL
    if isinstance(error, DBAPIError):
        known = trouble_of_driver(error.orig)
        return Trouble.GONE if known is None and error.connection_invalidated else known
    return Trouble.GONE if isinstance(error, OSError) else trouble_of_driver(error)


def trouble_of_driver(error: BaseException | None) -> Trouble | None:
    """Return what an exception of a driver means."""
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str):
        return _STATES.get(state) or _CLASSES.get(state[:2])
    code = getattr(error, "sqlite_errorcode", None)
    # The low byte is the kind of an error, whatever SQLite adds to it.
    return None if code is None else _SQLITE.get(code & 0xFF)


def unavailable(error: BaseException) -> DatabaseUnavailable:
    """Return what callers are told of an error that means trouble; the log has the rest."""
    match trouble_of(error):
        case Trouble.BLOCKED:
            key = error.key if isinstance(error, LockedOut) else None
            return DatabaseBlocked(_why_blocked(error), key)
        case Trouble.FULL:
            return DatabaseUnavailable("the database has no room for this now; repeat it")
        case _:
            return DatabaseUnavailable("the database does not answer")


def _why_blocked(error: BaseException) -> str:
    cause = getattr(error, "orig", error)
    code = getattr(cause, "sqlite_errorcode", None)
    if getattr(cause, "sqlstate", None) == _CANCELLED or code == sqlite3.SQLITE_INTERRUPT:
        return "a statement took longer than it may, or somebody ended it; repeat it"
    return "somebody else keeps locked what this needs; repeat it"

"""One store of compiled SQL for all engines of a world: each would compile the same anew.

An engine may be older than its world: its file is where the world works.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Dialect, Engine, create_engine, event

from kurs.data import sqlite

_COMPILED: dict[Any, Any] = {}
_DIALECTS: list[Dialect] = []


def share_statements() -> Callable[[], None]:
    """Let engines that are made from now on compile each statement once; returns what ends it."""
    name = "create_engine"
    setattr(sqlite, name, _sharing)

    def apart() -> None:
        setattr(sqlite, name, create_engine)

    return apart


def _sharing(*arguments: Any, **options: Any) -> Engine:
    kept = {"compiled_cache": _COMPILED}
    engine = create_engine(*arguments, execution_options=kept, **options)
    # Before: its own dialect makes the connections.
    event.listen(engine, "do_connect", _where_the_world_works)
    if not _DIALECTS:
        _DIALECTS.append(engine.dialect)
    # A statement is known by its dialect, too.
    engine.dialect = _DIALECTS[0]
    return engine


def _where_the_world_works(_: Any, __: Any, arguments: list[Any], ___: Any) -> None:
    # The driver's path is of the folder in which the engine was made.
    arguments[0] = Path(arguments[0]).name

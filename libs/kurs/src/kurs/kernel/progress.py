"""Signs that work in the background moves on: what takes long is told from what hangs.

Whatever can be waited for in vain says when it has ended, such as a transaction or a call; who
watches a piece of work listens within its context.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_listener: ContextVar[Callable[[], None] | None] = ContextVar("progress", default=None)


def made() -> None:
    """Say that the work of this context has come a step further."""
    listener = _listener.get()
    if listener is not None:
        listener()


@contextmanager
def watched(listener: Callable[[], None]) -> Iterator[None]:
    """Tell `listener` of each step of what is done in the block."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)

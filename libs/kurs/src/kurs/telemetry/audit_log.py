"""Audit lines: who did, or tried, what needs a power; one line of the log each, for ever alike.

`event` is `audit`; what collects logs keeps these lines apart, and longer, by that member.
"""

from typing import Any, cast

from structlog import BoundLoggerBase
from structlog.typing import FilteringBoundLogger


def audit(
    logger: FilteringBoundLogger, action: str, *, actor: str, outcome: str, **facts: Any
) -> None:
    """Write one line: `actor` (`merchant/key`) did `action`, which was `outcome`.

    `facts` name what it was done to; secrets and bodies are none.
    """
    # Past the filter by level: no setting of a log's level takes these lines away.
    unfiltered = cast(BoundLoggerBase, logger)
    unfiltered._proxy_to_logger(  # noqa: SLF001
        "info", "audit", action=action, actor=actor, outcome=outcome, **facts
    )

"""Waits for what other tasks bring about."""

import asyncio
from collections.abc import Callable
from typing import Any

_PATIENCE_SECONDS = 60.0


async def eventually(condition: Callable[[], Any]) -> None:
    """Wait until a condition (a function or coroutine function) holds.

    Raises:
        TimeoutError: It did not hold within a minute.
    """
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while True:
            held = condition()
            if await held if asyncio.iscoroutine(held) else held:
                return
            await asyncio.sleep(0.01)

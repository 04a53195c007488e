"""Looks at the keys file every moment, so that issuing and revoking need no restart."""

import asyncio

from structlog.typing import FilteringBoundLogger

from api_gateway.keystore import KeyStore
from api_gateway.metrics import GatewayMetrics


class KeyWatch:
    """Reloads a key store whenever its file changes, and says so."""

    def __init__(
        self,
        keys: KeyStore,
        metrics: GatewayMetrics,
        logger: FilteringBoundLogger,
        *,
        poll_seconds: float,
    ) -> None:
        self._keys = keys
        self._metrics = metrics
        self._logger = logger
        self._poll_seconds = poll_seconds
        self._reported = ""

    def look(self) -> None:
        """Reload if the file changed; report an error once, not at every look."""
        if self._keys.reload_if_changed():
            self._logger.info("keys loaded", count=len(self._keys))
        if self._keys.error and self._keys.error != self._reported:
            self._metrics.keys_reload_failed()
            self._logger.error(
                "keys file not readable, keys stay as they are", error=self._keys.error
            )
        self._reported = self._keys.error

    async def run(self) -> None:
        """Look for ever."""
        while True:
            # A stat takes microseconds and the file has kilobytes: not worth a thread.
            self.look()
            await asyncio.sleep(self._poll_seconds)

"""Looks at the keys file every moment, so that issuing and revoking need no restart.

What changes is told key by key in audit lines, and so is a key that expires soon, once.
"""

from collections.abc import Iterable
from typing import Any

from structlog.typing import FilteringBoundLogger

from api_gateway.key_entry import KeyEntry
from api_gateway.keystore import KeyStore
from api_gateway.metrics import GatewayMetrics
from kurs.kernel.clock import MICROS, Clock
from kurs.telemetry.audit_log import audit

ACTOR = "keys-file"
"""Who changed the file is not in it; who may is a matter of the platform (docs/operations.md)."""
_DAY = 24 * 3600 * MICROS


class KeyWatch:
    """Reloads a key store whenever its file changes, and says so."""

    def __init__(
        self,
        keys: KeyStore,
        metrics: GatewayMetrics,
        logger: FilteringBoundLogger,
        clock: Clock,
        *,
        warning_days: float,
    ) -> None:
        self._keys = keys
        self._metrics = metrics
        self._logger = logger
        self._clock = clock
        self._warning = round(warning_days * _DAY)
        self._reported = ""
        self._known: dict[str, KeyEntry] | None = None
        self._warned: set[KeyEntry] = set()

    async def look(self) -> None:
        """Reload if the file changed; report an error once, not at every look."""
        # A stat takes microseconds and the file has kilobytes: not worth a thread.
        if self._keys.reload_if_changed():
            self._logger.info("keys loaded", count=len(self._keys))
            self._tell_changes()
            self._tell_refused_roles()
        if self._keys.error and self._keys.error != self._reported:
            self._metrics.keys_reload_failed()
            self._logger.error("keys file not readable", error=self._keys.error)
        self._reported = self._keys.error
        self._tell_expiring()

    def expiring(self) -> int:
        """Return how many keys in force expire within the days of warning."""
        return len(list(self._expiring()))

    def _tell_changes(self) -> None:
        before, now = self._known, {key.entry.id: key.entry for key in self._keys.all()}
        self._known = now
        if before is None:
            return
        for key_id in sorted(before.keys() | now.keys()):
            old, new = before.get(key_id), now.get(key_id)
            if old == new:
                continue
            outcome = "added" if old is None else "removed" if new is None else "changed"
            audit(self._logger, "key", actor=ACTOR, outcome=outcome, **_facts(new or old))

    def _tell_refused_roles(self) -> None:
        for key in self._keys.all():
            if roles := key.refused_roles():
                self._logger.error(
                    "roles of the platform on the key of another merchant do not count: name the "
                    "merchant in KURS_PLATFORM_MERCHANTS or take them out of the keys file",
                    key_id=key.entry.id,
                    merchant=key.merchant,
                    roles=roles,
                )

    def _tell_expiring(self) -> None:
        for entry in self._expiring():
            if entry not in self._warned:
                self._warned.add(entry)
                audit(self._logger, "key", actor=ACTOR, outcome="expires_soon", **_facts(entry))

    def _expiring(self) -> Iterable[KeyEntry]:
        now = self._clock.now()
        for key in self._keys.all():
            if key.ends_at is not None and now < key.ends_at <= now + self._warning:
                yield key.entry


def _facts(entry: KeyEntry | None) -> dict[str, Any]:
    facts = entry.model_dump(mode="json", exclude_none=True, exclude={"sha256"}) if entry else {}
    return {("key_id" if name == "id" else name): value for name, value in facts.items()}

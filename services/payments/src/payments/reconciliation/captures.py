"""Reconciliation: looks whether what was answered as paid stands in the ledger.

It asks the wallet for a few captured payments again and again, at a fixed rate that no load raises:
the newest, then a few more on a way through the whole history, then those that were missing. One
that is missing was acknowledged and lost: zero tolerance, until it is there.
"""

from itertools import islice
from urllib.parse import quote

from kurs.calls import ServiceClient, TransportError
from kurs.contracts.wallet import TransferStatus
from kurs.data.database import Database
from kurs.kernel.clock import MICROS, Clock
from kurs.telemetry import Telemetry
from payments.domain.identity import captured_from, named
from payments.metrics import PaymentMetrics
from payments.store import captures

_AT_ONCE = 20
_REMEMBERED = 1_000


class Reconciliation:
    """Looks at captured payments, those of the last minute left out."""

    def __init__(
        self,
        *,
        database: Database,
        wallet: ServiceClient,
        metrics: PaymentMetrics,
        telemetry: Telemetry,
        clock: Clock,
    ) -> None:
        self._database = database
        self._wallet = wallet
        self._metrics = metrics
        self._log = telemetry.logger
        self._clock = clock
        self._sequence = 0
        # Ids of transfers, the one that was asked for the longest ago first.
        self._missing: dict[str, None] = {}

    async def look(self) -> None:
        """Ask for a few captured payments, and count those found and those missing."""
        for transfer_id in await self._due():
            await self._check(transfer_id)
        self._metrics.missing.set(len(self._missing))

    async def _due(self) -> list[str]:
        before = self._clock.now() - 60 * MICROS
        newest = await self._database.read(lambda c: captures.newest_captures(c, before, _AT_ONCE))
        older = await self._database.read(
            lambda c: captures.captures_after(c, self._sequence, before, _AT_ONCE)
        )
        self._sequence = older.until
        ids = [captured_from(status, uid) for uid, status in (*newest, *older.found)]
        return list(dict.fromkeys([*ids, *islice(self._missing, _AT_ONCE)]))

    async def _check(self, transfer_id: str) -> None:
        try:
            answer = await self._wallet.request(
                "GET", f"/transfers/{quote(transfer_id, safe='')}", retryable=True
            )
        except TransportError:
            return
        if answer.status not in (200, 404):
            return
        applied = answer.status == 200 and answer.json()["status"] == TransferStatus.APPLIED
        self._metrics.reconciled.labels("found" if applied else "missing").inc()
        known = transfer_id in self._missing
        self._missing.pop(transfer_id, None)
        if applied:
            return
        if len(self._missing) < _REMEMBERED:
            self._missing[transfer_id] = None
        if not known:
            self._log.error("captured payment is not in the ledger", **named(transfer_id))

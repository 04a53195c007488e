"""The reconciler: looks whether what was answered as paid stands in the ledger.

It asks the wallet for a few of the newest captured payments again and again, at a fixed rate
that no load raises. One that is missing was acknowledged and lost: zero tolerance.
"""

from urllib.parse import quote

from kurs.clock import MICROS, Clock
from kurs.database import Database
from kurs.http import ServiceClient, TransportError
from kurs.telemetry import Telemetry
from payments.domain.operation import Kind, operation_id
from payments.domain.payment import Status
from payments.metrics import PaymentMetrics
from payments.store import reads

_AT_ONCE = 20
_KIND_FROM = {Status.AUTHORIZED.value: Kind.CAPTURE, Status.REVIEW.value: Kind.APPROVE}


class Reconciler:
    """Looks at the newest captured payments, those of the last minute left out."""

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

    async def look(self) -> None:
        """Ask for a few captured payments, and count those found and those missing."""
        before = self._clock.now() - 60 * MICROS
        captures = await self._database.read(lambda c: reads.newest_captures(c, before, _AT_ONCE))
        for uid, from_status in captures:
            await self._check(operation_id(_KIND_FROM.get(from_status, Kind.PAY), uid))

    async def _check(self, transfer_id: str) -> None:
        try:
            answer = await self._wallet.request(
                "GET", f"/transfers/{quote(transfer_id, safe='')}", retryable=True
            )
        except TransportError:
            return
        if answer.status not in (200, 404):
            return
        applied = answer.status == 200 and answer.json()["status"] == "applied"
        self._metrics.reconciled.labels("found" if applied else "missing").inc()
        if not applied:
            self._log.error("captured payment is not in the ledger", transfer_id=transfer_id)

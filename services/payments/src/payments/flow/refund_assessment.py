"""What is asked about refunds across currencies: may they go at the payments' rates, or what is the
present one?
"""

from collections.abc import Iterator, Sequence

from kurs.contracts.fx import QuoteItem, QuoteResult
from kurs.contracts.risk import JUDGED, ExposureItem, ExposureResult
from kurs.kernel.batching import alone
from kurs.kernel.clock import MICROS
from payments.clients import BatchClient, Unusable
from payments.domain.payment import Payment
from payments.domain.refunds import is_late
from payments.flow.exposure import ExposureReader, Held, held_by
from payments.flow.orders import Drive
from payments.flow.prices import Priced, ask_prices, back_item
from payments.settings import PaymentsSettings


class RefundAssessor:
    """Asks risk about limits, and fx for prices where limits or time have run out."""

    def __init__(
        self,
        *,
        limits: BatchClient[ExposureItem, ExposureResult],
        fx: BatchClient[QuoteItem, QuoteResult],
        exposure: ExposureReader,
        settings: PaymentsSettings,
    ) -> None:
        self._limits = limits
        self._fx = fx
        self._exposure = exposure
        self._window = round(settings.refund_rate_window_seconds * MICROS)

    async def assess(self, drives: Sequence[Drive]) -> list[Priced | Exception | None]:
        """Return the present price where the payment's own may not be given any more, else None.

        In place of what cannot be known yet is the exception that says why.
        """
        may = await self._may_go_back(drives)
        present = [d for d, own in zip(drives, may, strict=True) if own is False]
        items = [alone(back_item, d.started.payment, d.started.operation) for d in present]
        prices = iter(await ask_prices(self._fx, items, present))
        return [_price(own, prices) for own in may]

    async def _may_go_back(self, drives: Sequence[Drive]) -> list[bool | Exception]:
        """Tell whether refunds may go at their payments' rates: by time, and by limits.

        The refunds are stored, and so part of what is open.
        """
        young = [drive for drive in drives if not self._is_late(drive)]
        held = await self._exposure.held({drive.started.payment.merchant for drive in young})
        items = [alone(_exposure_item, drive.started.payment, held) for drive in young]
        answers = await self._limits.ask(items, young)
        within = map(alone, [_read_within] * len(answers), answers)
        return [False if self._is_late(drive) else next(within) for drive in drives]

    def _is_late(self, drive: Drive) -> bool:
        payment, operation = drive.started.payment, drive.started.operation
        return is_late(payment, operation.created_at, self._window)


def _exposure_item(payment: Payment, held: Held) -> ExposureItem:
    """Ask risk whether a refund may go at the payment's rate, as far as limits go.

    Raises Unanswered when nobody knows what its merchant holds open.
    """
    return {
        "merchant": payment.merchant,
        "currency": payment.currency,
        "destination_currency": payment.destination_currency,
        "exposure": held_by(payment.merchant, held),
    }


def _read_within(result: ExposureResult | Exception) -> bool:
    """Return whether limits allow it; raises Unanswered."""
    if isinstance(result, Exception):
        raise result
    if result["status"] != JUDGED:
        raise Unusable("risk", f"answered {result['status']!r}")
    return bool(result["within"])


def _price(
    own: bool | Exception, present: Iterator[Priced | Exception]
) -> Priced | Exception | None:
    if isinstance(own, Exception):
        return own
    return None if own else next(present)

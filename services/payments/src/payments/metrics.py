"""What the payments service tells of itself. Labels of metrics are bounded: no id, account or
merchant is one; spans have them all.
"""

from collections.abc import Mapping
from functools import cache

from kurs.kernel.clock import MICROS
from kurs.kernel.money import exponent
from kurs.telemetry import Telemetry
from payments.domain.moves import Kind
from payments.domain.operation import Operation
from payments.domain.payment import Payment


class PaymentMetrics:
    """The business metrics of payments."""

    def __init__(self, telemetry: Telemetry) -> None:
        outcomes = telemetry.counter(
            "kurs_payments_total",
            "Payments and actions on them that got an outcome.",
            ["operation", "status", "failure", "currency", "destination_currency"],
        )
        amounts = telemetry.counter(
            "kurs_payments_captured_amount_total",
            "Captured amounts in major units of the currency.",
            ["currency"],
        )
        self._refunds = telemetry.counter(
            "kurs_payments_refunded_amount_total",
            "Refunded amounts in major units: at the payment's rate, the present one, or none.",
            ["currency", "rate"],
        )
        durations = telemetry.histogram(
            "kurs_payments_duration_seconds", "From the intent to the recorded outcome.", ["status"]
        )
        # Looking for what some labels count takes longer than counting, and is done once.
        self._outcomes, self._amounts = cache(outcomes.labels), cache(amounts.labels)
        self._durations = cache(durations.labels)
        self.replays = telemetry.counter(
            "kurs_payments_replayed_total", "Repeated requests that got the first answer again."
        )
        self.processing = telemetry.counter(
            "kurs_payments_processing_total",
            "Requests answered as PROCESSING, by the service that did not answer.",
            ["dependency"],
        )
        self.swept = telemetry.counter(
            "kurs_payments_swept_total", "Operations that the sweeper took over.", ["result"]
        )
        self._exposure = telemetry.gauge(
            "kurs_payments_exposure",
            "What is open at a fixed rate, in major units of the paid currency: holds, and refunds "
            "that went at rates of payments within the time that they count; summed every half a "
            "minute",
            ["currency", "part"],
        )
        self._exposed: set[tuple[str, str]] = set()
        self._count_the_unknown(telemetry)
        self._watch_the_unfinished(telemetry)
        self._watch_the_ledger(telemetry)

    def _count_the_unknown(self, telemetry: Telemetry) -> None:
        self.unknown_codes = telemetry.counter(
            "kurs_payments_unknown_codes_total",
            "Operations that another service refused with a code that this release does not know.",
        )
        self.unreadable_events = telemetry.counter(
            "kurs_payments_unreadable_events_total",
            "Times that a stored event was asked for and could not be read",
        )

    def _watch_the_unfinished(self, telemetry: Telemetry) -> None:
        self.oldest_pending = telemetry.gauge(
            "kurs_payments_oldest_pending_seconds",
            "Age of the oldest unfinished operation that is not set aside.",
        )
        self.set_aside = telemetry.gauge(
            "kurs_payments_operations_set_aside",
            "Operations that could not be finished many times over and wait for a person",
        )
        self._oldest_late_event = telemetry.gauge(
            "kurs_payments_oldest_late_event_seconds",
            "Age of the oldest event that waits for its place among the others; 0 without any.",
        )

    def _watch_the_ledger(self, telemetry: Telemetry) -> None:
        self.reconciled = telemetry.counter(
            "kurs_payments_reconciled_total",
            "Captured payments that were looked up in the ledger again: found or missing.",
            ["result"],
        )
        for result in ("found", "missing"):
            self.reconciled.labels(result)
        self.missing = telemetry.gauge(
            "kurs_payments_missing",
            "Captured payments that the ledger does not have; anything but 0 is lost money",
        )
        self.unknown_transfers = telemetry.gauge(
            "kurs_payments_unknown_transfers",
            "Transfers in the ledger that no payment asked for; anything but 0 was forged",
        )

    def report_late_events(self, oldest: int | None, now: int) -> None:
        """Publish how long the oldest late event waits; both are in microseconds."""
        self._oldest_late_event.set(0 if oldest is None else max(0, now - oldest) / MICROS)

    def report_exposure(self, part: str, open_: Mapping[str, int]) -> None:
        """Publish what is open across currencies, `holds` or `refunds`; minor units by currency."""
        known = {currency for currency, shown in self._exposed if shown == part}
        for currency in {*known, *open_}:
            major = open_.get(currency, 0) / 10 ** exponent(currency)
            self._exposure.labels(currency, part).set(major)
        self._exposed.update((currency, part) for currency in open_)

    def refunded(self, payment: Payment, minor: int, rate: str | None) -> None:
        """Count what was given back, in minor units; `rate` is None within one currency."""
        major = minor / 10 ** exponent(payment.currency)
        self._refunds.labels(payment.currency, rate or "none").inc(major)

    def finished(self, kind: str, before: Payment, after: Payment) -> None:
        """Count an outcome."""
        failure = after.failure.known if after.failure else ""
        destination = after.destination_currency or ""
        self._outcomes(kind, after.status, failure, after.currency, destination).inc()
        captured = after.captured_amount - before.captured_amount
        if captured:
            self._amounts(after.currency).inc(captured / 10 ** exponent(after.currency))
        if kind == Kind.PAY:
            seconds = (after.updated_at - after.created_at) / MICROS
            self._durations(after.status).observe(max(0.0, seconds))


def span_attributes(operation: Operation, payment: Payment) -> dict[str, str]:
    """Return what the span of an operation says, so that a trace leads to the ledger's entries."""
    attributes = {
        "payment.id": payment.payment_id,
        "payment.merchant": payment.merchant,
        "payment.operation": str(operation.kind),
        "payment.status": str(payment.status),
        "payment.corridor": f"{payment.currency}/{payment.destination_currency or ''}",
        "ledger.transfer_id": operation.operation_id,
    }
    if payment.failure is not None:
        attributes["payment.failure"] = payment.failure.code
    if payment.exchange is not None:
        attributes["fx.quote_id"] = payment.exchange.quote_id
        attributes["config.revision"] = payment.exchange.config_revision
    return attributes

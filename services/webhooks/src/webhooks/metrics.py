"""What webhooks measures. Labels come from fixed sets, never from ids."""

from kurs.kernel.clock import MICROS
from kurs.telemetry import Telemetry
from webhooks.domain.delivery import DeliveryAttempt


class WebhookMetrics:
    """The counters of webhooks; gauges are of the destinations that this replica sends to."""

    def __init__(self, telemetry: Telemetry) -> None:
        self.taken_in = telemetry.counter(
            "kurs_webhooks_events_total", "Events that were read from the feed of payments"
        )
        self.intake_failures = telemetry.counter(
            "kurs_webhooks_feed_failures_total", "Looks at the feed of payments that failed"
        )
        self.set_back = telemetry.counter(
            "kurs_webhooks_feed_set_back_total",
            "Times that the feed of payments was not the one any more that had been read",
        )
        self.looks = telemetry.counter(
            "kurs_webhooks_feed_looks_total",
            "Pages of the feed of payments that were read, empty ones included",
        )
        self._attempts = telemetry.counter(
            "kurs_webhooks_attempts_total",
            "Requests to destinations: delivered, refused (answered otherwise) or unanswered",
            ("result",),
        )
        for result in ("delivered", "refused", "unanswered"):
            self._attempts.labels(result)
        self._age = telemetry.histogram(
            "kurs_webhooks_delivery_age_seconds",
            "From what happened to its first delivery, at the first attempt.",
        )
        self.waiting = telemetry.gauge(
            "kurs_webhooks_waiting",
            "Events that wait for destinations of this replica, of each counted up to 1,000",
        )
        self.oldest = telemetry.gauge(
            "kurs_webhooks_oldest_waiting_seconds",
            "Age of the oldest event that waits for a destination which takes others",
        )
        self.unhealthy = telemetry.gauge(
            "kurs_webhooks_destinations",
            "Destinations of this replica by state: ready, retrying, failing, gone or suspended",
            ("state",),
        )
        self.unread_events = telemetry.gauge(
            "kurs_webhooks_unread_events",
            "Events that payments could not read at their turn, and still cannot",
        )
        self.pruned = telemetry.counter(
            "kurs_webhooks_pruned_total", "Deliveries that were forgotten, being old"
        )

    def tried(self, attempt: DeliveryAttempt) -> None:
        """Count a request by what became of it."""
        if attempt.taken:
            result = "delivered"
        else:
            result = "unanswered" if attempt.status is None else "refused"
        self._attempts.labels(result).inc()

    def delivered_after(self, micros: int) -> None:
        """Observe how old an event was when it was taken at once."""
        self._age.observe(max(0, micros) / MICROS)

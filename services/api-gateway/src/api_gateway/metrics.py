"""What the gateway measures beyond the duration of every request (kurs.telemetry does that)."""

from collections.abc import Callable

from kurs.telemetry import Telemetry, request_durations

_PAID, _NOT_YET, _REFUSED = 200, 202, 400
_FAILED = (500, 502, 503, 504)


class GatewayMetrics:
    """Refusals by code, and what is in flight."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._refusals = telemetry.counter(
            "kurs_gateway_refusals_total",
            "Requests that the gateway refused, by problem code",
            ("code",),
        )
        self._telemetry = telemetry
        # The promises of availability and latency count these from the first one on.
        for status in (_PAID, _NOT_YET, _REFUSED, *_FAILED):
            request_durations(telemetry).labels("POST", "/payments", status)
        self._reload_failures = telemetry.counter(
            "kurs_gateway_keys_reload_failures_total",
            "Changes of the keys file that could not be read",
        )

    def refused(self, code: str) -> None:
        """Count a refusal; codes are the gateway's own, so few."""
        self._refusals.labels(code).inc()

    def keys_reload_failed(self) -> None:
        """Count a keys file that could not be read; the keys before it stay in force."""
        self._reload_failures.inc()

    def watch(
        self,
        *,
        in_flight: Callable[[], int],
        streams: Callable[[], int],
        bodies: Callable[[], int],
        body_bytes: Callable[[], int],
        keys: Callable[[], int],
        keys_expiring: Callable[[], int],
    ) -> None:
        """Publish what is read at each scrape."""
        for name, documentation, read in (
            ("kurs_gateway_in_flight", "Requests at the services", in_flight),
            ("kurs_gateway_streams", "Event streams that are open", streams),
            ("kurs_gateway_bodies", "Bodies that are being read", bodies),
            ("kurs_gateway_body_bytes", "Bytes of bodies in memory", body_bytes),
            ("kurs_gateway_keys", "API keys in force", keys),
            (
                "kurs_gateway_keys_expiring",
                "API keys that expire within the days of warning",
                keys_expiring,
            ),
        ):
            self._telemetry.gauge(name, documentation).set_function(read)

"""A source of rates that comes, is edited and goes, to see what the dashboards make of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from tests.cluster.shell import kubectl

_SOURCE = """
apiVersion: kurs.dev/v1alpha1
kind: FXRateSource
metadata: {{name: {name}}}
spec:
  type: Static
  baseCurrency: CHF
  refreshInterval: 1h
  maxAge: 24h
  maxDeviationBps: 100
  changeTicket: CHG-1
  pairs: [{{quote: {quote}, spreadBps: 10}}]
  static:
    asOf: "{as_of}"
    rates: {{{quote}: "{rate}"}}
"""
OLD = "2026-01-01T00:00:00Z"
STALE_PAIR = {
    "source_currency": "CHF",
    "destination_currency": "TWD",
    "source_amount": "10.00",
}
"""No source has its second currency but one that is old."""


@contextmanager
def source(
    namespace: str, name: str, *, rate: float, quote: str = "KRW", as_of: str = OLD
) -> Iterator[None]:
    """Have a source of one rate, an old one, while the block runs."""
    state(namespace, name, rate=rate, quote=quote, as_of=as_of)
    try:
        yield
    finally:
        kubectl(namespace, "delete", "fxratesource", name)


def state(namespace: str, name: str, *, rate: float, quote: str = "KRW", as_of: str = OLD) -> None:
    """Make the source say another rate.

    One that is more than 1 % off what may still be sold is not believed.
    """
    said = _SOURCE.format(name=name, rate=rate, quote=quote, as_of=as_of)
    kubectl(namespace, "apply", "-f", "-", stdin=said)


def moment() -> str:
    """Return the present, as a source says it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

"""A source of rates that comes, is edited and goes, to see what the dashboards make of it."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.cluster.shell import kubectl

_SOURCE = """
apiVersion: kurs.dev/v1alpha1
kind: FXRateSource
metadata: {{name: {name}}}
spec:
  type: Static
  baseCurrency: CHF
  refreshInterval: 1h
  maxAge: 1h
  maxDeviationBps: 100
  pairs: [{{quote: KRW, spreadBps: 10}}, {{quote: TWD, spreadBps: 10}}]
  static:
    asOf: "2026-01-01T00:00:00Z"
    rates: {{KRW: "{rate}", TWD: "38.5"}}
"""
STALE_PAIR = {
    "source_currency": "CHF",
    "destination_currency": "TWD",
    "source_amount": "10.00",
}
"""No other source has its second currency."""


@contextmanager
def source(namespace: str, name: str, *, rate: int) -> Iterator[None]:
    """Have a source whose rates are old, while the block runs."""
    state(namespace, name, rate=rate)
    try:
        yield
    finally:
        kubectl(namespace, "delete", "fxratesource", name)


def state(namespace: str, name: str, *, rate: int) -> None:
    """Make the source say another rate; one that is more than 1 % off is not believed."""
    kubectl(namespace, "apply", "-f", "-", stdin=_SOURCE.format(name=name, rate=rate))

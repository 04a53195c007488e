"""Each failure raises its alert on a real Prometheus, and the alert ends with it."""

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from tests.cluster.observability.http_api import Gateway, Prometheus
from tests.cluster.observability.load import pay, prepare
from tests.cluster.shell import eventually, kubectl


@contextmanager
def under_load(gateway: Gateway) -> Iterator[None]:
    """Pay in the background until the block ends."""
    name = uuid.uuid4().hex[:8]
    stop = threading.Event()

    def go_on() -> None:
        while not stop.is_set():
            # Ids of a run are used once: the same ones again would only be replays.
            again = f"{name}-{uuid.uuid4().hex[:6]}"
            # What fails on the way is what these tests are about.
            with suppress(OSError, AssertionError):
                prepare(gateway, again)
                pay(gateway, again, 3, threads=4)

    worker = threading.Thread(target=go_on)
    worker.start()
    try:
        yield
    finally:
        stop.set()
        worker.join()


@contextmanager
def setting(release: str, service: str, **variables: str) -> Iterator[None]:
    """Give a service variables while the block runs."""
    deployment = f"deployment/{service}"
    kubectl(release, "set", "env", deployment, *(f"{key}={v}" for key, v in variables.items()))
    kubectl(release, "rollout", "status", deployment, "--timeout=240s")
    try:
        yield
    finally:
        kubectl(release, "set", "env", deployment, *(f"{key}-" for key in variables))
        kubectl(release, "rollout", "status", deployment, "--timeout=240s")


def raised(prometheus: Prometheus, alert: str, release: str) -> None:
    """Wait until an alert fires."""
    eventually(f"{alert} to fire", lambda: prometheus.firing(alert, release), patience=150)


def ended(prometheus: Prometheus, alert: str, release: str) -> None:
    """Wait until it does no more."""
    eventually(f"{alert} to end", lambda: not prometheus.firing(alert, release), patience=150)


@pytest.mark.parametrize(
    ("service", "variables", "alert"),
    [
        ("wallet", {"KURS_FAULT_DELAY_SECONDS": "0.5"}, "KursPaymentsLatencyBurn"),
        ("risk", {"KURS_FAULT_ERROR_RATIO": "1"}, "KursPaymentsAvailabilityBurn"),
    ],
    ids=["slow wallet", "failing risk"],
)
def test_a_faulty_service_burns_a_budget(
    prometheus: Prometheus,
    gateway: Gateway,
    release: str,
    paid: str,
    service: str,
    variables: dict[str, str],
    alert: str,
) -> None:
    with under_load(gateway), setting(release, service, **variables):
        raised(prometheus, alert, release)


def test_an_imbalance_pages_until_it_is_mended(
    prometheus: Prometheus, release: str, paid: str
) -> None:
    def post(amount: int) -> None:
        statement = (
            "INSERT INTO postings (transfer_id, account_id, currency, amount, created_at) "
            f"SELECT transfer_id, account_id, currency, {amount}, created_at FROM postings LIMIT 1"
        )
        psql = (
            f'PGPASSWORD="$POSTGRES_PASSWORD" psql -h 127.0.0.1 -U postgres wallet -c "{statement}"'
        )
        kubectl(release, "exec", "postgresql-0", "--", "sh", "-c", psql)

    post(7)
    try:
        raised(prometheus, "KursLedgerImbalance", release)
    finally:
        post(-7)
    ended(prometheus, "KursLedgerImbalance", release)


def test_stale_rates_page(prometheus: Prometheus, release: str, paid: str) -> None:
    source = """
apiVersion: kurs.dev/v1alpha1
kind: FXRateSource
metadata: {name: gone-stale}
spec:
  type: Static
  baseCurrency: CHF
  refreshInterval: 1h
  maxAge: 1h
  pairs: [{quote: KRW, spreadBps: 10}]
  static:
    asOf: "2026-01-01T00:00:00Z"
    rates: {KRW: "1600"}
"""
    kubectl(release, "apply", "-f", "-", stdin=source)
    try:
        raised(prometheus, "KursPairStale", release)
    finally:
        kubectl(release, "delete", "fxratesource", "gone-stale")
    ended(prometheus, "KursPairStale", release)

"""Each failure raises its alert on a real Prometheus, and the alert ends with it."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.cluster.observability.conftest import Paid
from tests.cluster.observability.http_api import Gateway, Prometheus
from tests.cluster.observability.load import under_load
from tests.cluster.observability.sources import source
from tests.cluster.shell import eventually, kubectl


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
    eventually(f"{alert} to fire", lambda: prometheus.paging(alert, release), patience=150)


def ended(prometheus: Prometheus, alert: str, release: str) -> None:
    """Wait until it does no more."""
    eventually(f"{alert} to end", lambda: not prometheus.paging(alert, release), patience=150)


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
    paid: Paid,
    service: str,
    variables: dict[str, str],
    alert: str,
) -> None:
    ended(prometheus, alert, release)
    with under_load(gateway), setting(release, service, **variables):
        raised(prometheus, alert, release)
    ended(prometheus, alert, release)


def test_an_imbalance_pages_until_it_is_mended(
    prometheus: Prometheus, release: str, paid: Paid
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


def test_stale_rates_page(prometheus: Prometheus, release: str, paid: Paid) -> None:
    with source(release, "gone-stale", rate=1600):
        raised(prometheus, "KursPairStale", release)
    ended(prometheus, "KursPairStale", release)

"""What the benchmark reads from `/metrics`: totals, differences and means of recorded texts."""

import pytest

from loadtest.bench.counters import Counters, combine

GATEWAY = """
# TYPE http_server_request_duration_seconds histogram
http_server_request_duration_seconds_bucket{http_route="/payments",le="+Inf"} 100.0
http_server_request_duration_seconds_count{http_route="/payments"} 100.0
http_server_request_duration_seconds_sum{http_route="/payments"} 1.5
"""
PAYMENTS = """
# TYPE http_server_request_duration_seconds histogram
http_server_request_duration_seconds_count{http_route="/payments"} 100.0
# TYPE kurs_batch_size histogram
kurs_batch_size_bucket{batcher="risk",le="+Inf"} 20.0
kurs_batch_size_count{batcher="risk"} 20.0
kurs_batch_size_sum{batcher="risk"} 100.0
kurs_batch_size_count{batcher="wallet"} 25.0
kurs_batch_size_sum{batcher="wallet"} 100.0
# TYPE kurs_database_transactions_total counter
kurs_database_transactions_total{kind="write",result="committed"} 40.0
kurs_database_transactions_total{kind="write",result="retried"} 2.0
kurs_database_transactions_total{kind="read",result="done"} 6.0
"""
WALLET = """
# TYPE http_server_request_duration_seconds histogram
http_server_request_duration_seconds_count{http_route="/transfers/batch"} 25.0
# TYPE kurs_batch_size histogram
kurs_batch_size_count{batcher="ledger"} 25.0
kurs_batch_size_sum{batcher="ledger"} 100.0
# TYPE kurs_database_transactions_total counter
kurs_database_transactions_total{kind="write",result="committed"} 25.0
"""
RECORDED = {"api-gateway": GATEWAY, "payments": PAYMENTS, "wallet": WALLET}


def test_totals_leave_out_requests_from_outside_and_retried_transactions() -> None:
    counters = combine(RECORDED)

    assert counters.requests == 125
    assert counters.writes == 65
    assert counters.reads == 6


def test_batches_are_named_by_service_and_batcher() -> None:
    assert combine(RECORDED).mean_batches() == {
        "payments/risk": 5.0,
        "payments/wallet": 4.0,
        "wallet/ledger": 4.0,
    }


def test_a_case_counts_what_was_added_during_it() -> None:
    before = Counters(25, 6, 15, {"payments/risk": (10, 20), "wallet/ledger": (25, 100)})

    added = combine(RECORDED).since(before)

    assert (added.requests, added.reads, added.writes) == (100, 0, 50)
    assert added.mean_batches() == {"payments/risk": 8.0, "payments/wallet": 4.0}


@pytest.mark.parametrize("expositions", [{}, {"wallet": ""}, {"wallet": "# a comment\n"}])
def test_services_that_count_nothing_give_zeros(expositions: dict[str, str]) -> None:
    assert combine(expositions) == Counters()

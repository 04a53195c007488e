"""The benchmark for real and short: both systems run, figures come out, nothing is left."""

import psutil
import pytest
from tests.loadtest.measured import measured

from loadtest.bench.load import PythonDriver
from loadtest.bench.systems import NaiveChain
from loadtest.dummygen import generate
from loadtest.naive import SERVICES

pytestmark = pytest.mark.crash


def test_the_naive_chain_pays_as_five_processes_that_are_gone_afterwards() -> None:
    driver = PythonDriver(generate(20, 7, failing=False))
    chain = NaiveChain()

    with chain:
        before = chain.cpu_seconds()
        load = driver.drive(chain.gateway, chain.api_key(), 4, 0.5, "run")
        after = chain.cpu_seconds()
        pids = [process.pid or 0 for process in chain.processes]

    assert load.payments > 0
    assert load.wrong == 0, load.first_wrong
    assert before.keys() == after.keys() == set(SERVICES)
    assert len(pids) == 5
    assert not any(map(psutil.pid_exists, pids))


def test_the_benchmark_gives_every_figure_as_json() -> None:
    found = measured(
        "loadtest.bench",
        *("--database", "sqlite", "--clients", "1,8", "--seconds", "1", "--warm-up", "0.5"),
        *("--payers", "20", "--driver", "python", "--no-naive"),
    )

    cases = found["cases"]
    assert [case["clients"] for case in cases] == [1, 8]
    for case in cases:
        assert case["payments"] > 0
        assert case["wrong"] == 0
        assert case["cpu_ms_per_payment"] > 0
        assert case["sql_transactions_per_payment"] > 0
        assert case["internal_requests_per_payment"] > 0
        assert {name.partition("/")[0] for name in case["mean_batch"]} >= {"payments", "wallet"}

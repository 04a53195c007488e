"""The stack for real: six processes that start, survive kills, and are all gone afterwards."""

import asyncio
import json
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import loadtest.client
from devstack import Stack, StackError
from devstack.ports import is_free
from devstack.topology import SERVICES
from loadtest.client import GatewayClient
from loadtest.dummygen import generate
from loadtest.preparation import ONCE, Funding, prepare
from loadtest.replay import replay
from loadtest.rows import Row, renamed
from loadtest.summary import Summary, unbalanced

pytestmark = pytest.mark.crash
ROWS = generate(40, 7)
SECOND = Funding("SECOND")


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack() as stack:
        yield stack


def pids(stack: Stack) -> list[int]:
    return [process.pid for process in stack.processes.values() if process.pid is not None]


async def pay(stack: Stack, rows: list[Row], funding: Funding = ONCE) -> Summary:
    async with GatewayClient(stack.url("api-gateway"), stack.api_key(), 8) as client:
        await prepare(client, rows, funding)
        summary = await replay(client, rows, 8)
        assert unbalanced((await client.get("/ledger/trial-balance")).document) == []
    return summary


async def test_sample_payments_end_as_their_rows_demand_and_again_when_replayed(
    stack: Stack,
) -> None:
    first = await pay(stack, ROWS)
    again = await pay(stack, ROWS)

    assert first.surprises == []
    assert first.unresolved == 0
    assert again.by_outcome() == first.by_outcome()


async def test_a_file_is_paid_anew_with_new_funds(stack: Stack) -> None:
    anew = await pay(stack, renamed(ROWS, SECOND.run), SECOND)

    assert anew.surprises == []


async def test_payments_outlive_a_killed_service(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loadtest.client, "FINAL_SECONDS", 300.0)
    paying = asyncio.create_task(pay(stack, renamed(ROWS, "THIRD"), Funding("THIRD")))
    await asyncio.sleep(0.2)
    before = stack.processes["wallet"].pid
    await asyncio.to_thread(stack.kill, "wallet")
    assert stack.processes["wallet"].pid is None
    await asyncio.to_thread(stack.restart, "wallet")

    summary = await paying
    assert summary.count == len(ROWS)
    assert summary.unresolved == 0
    assert stack.processes["wallet"].pid != before


def test_probes_and_metrics_have_ports_of_their_own(stack: Stack) -> None:
    for service in SERVICES:
        for path in ("/healthz", "/readyz", "/metrics"):
            assert status(stack.operations_url(service.name) + path) == 200
            balanced = service.name == "api-gateway" and path != "/metrics"
            assert (status(stack.url(service.name) + path) == 200) is balanced
    with urllib.request.urlopen(stack.url("api-gateway") + "/readyz") as answer:
        assert json.load(answer) == {"status": "ready"}


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


def test_the_key_is_private_and_in_no_log(stack: Stack) -> None:
    assert stack.api_key_file.stat().st_mode & 0o777 == 0o600
    for log in stack.folder.logs.iterdir():
        assert stack.api_key() not in log.read_text()


def test_every_process_has_spent_cpu_time(stack: Stack) -> None:
    spent = stack.cpu_seconds()

    assert spent.keys() == {*(service.name for service in SERVICES), "operator"}
    assert all(seconds > 0 for seconds in spent.values())


def test_a_signal_ends_a_service_with_exit_code_0(stack: Stack) -> None:
    stack.kill("risk", signal.SIGTERM)
    assert stack.processes["risk"].wait(30)
    assert stack.processes["risk"].exit_code == 0

    stack.restart("risk")


def test_after_a_failure_inside_the_block_no_process_port_or_file_is_left() -> None:
    stack = Stack()
    started: list[int] = []

    def fail() -> None:
        with stack:
            started.extend(pids(stack))
            raise RuntimeError("the test fails")

    with pytest.raises(RuntimeError, match="the test fails"):
        fail()

    assert len(started) == 7
    assert not any(map(psutil.pid_exists, started))
    assert all(is_free(process.port) for process in stack.processes.values() if process.port)
    assert not stack.folder.path.exists()


def test_a_service_that_cannot_start_is_named_and_the_others_are_ended(tmp_path: Path) -> None:
    stack = Stack(folder=tmp_path, environment={"KURS_TRACE_RATIO": "many"})

    with pytest.raises(StackError, match="ended at its start with code") as raised:
        stack.start()

    assert "KURS_TRACE_RATIO: " in str(raised.value)
    assert pids(stack) == []


@pytest.mark.postgres
async def test_two_wallets_and_two_payments_share_one_postgresql() -> None:
    with Stack(database="postgresql", replicas={"payments": 2, "wallet": 2}) as stack:
        summary = await pay(stack, ROWS)

        assert summary.surprises == []
        assert stack.cpu_seconds()["postgresql"] > 0
        assert {"payments-2", "wallet-2"} <= stack.processes.keys()
        started = pids(stack)

    assert not any(map(psutil.pid_exists, started))

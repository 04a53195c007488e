"""Replay: it asks until each outcome is final, never gives up quietly, and counts exactly."""

import asyncio
import json
import socket
import sys
from pathlib import Path

import pytest
from tests.loadtest.scripted_gateway import RESET, ScriptedGateway, Step, payment, serving

import loadtest.client
from loadtest.client import REJECTED, UNRESOLVED, GatewayClient
from loadtest.expectations import CAPTURED, SAME_ACCOUNT, Outcome
from loadtest.replay import main, replay
from loadtest.rows import HEADER, Row, renamed
from loadtest.summary import Summary


def row(payment_id: str, source: str = "ACC_SRC_1", destination: str = "ACC_DST_1") -> Row:
    return Row(payment_id, "IDR", "188.52", source, destination)


async def run(gateway: ScriptedGateway, rows: list[Row], concurrency: int = 4) -> Summary:
    async with (
        serving(gateway) as served,
        GatewayClient(served.address, "a-key", concurrency) as client,
    ):
        return await replay(client, rows, concurrency)


@pytest.mark.parametrize(
    "obstacle",
    [
        (202, payment("P-1", "PROCESSING")),
        (409, {"code": "payment_in_progress"}),
        (429, {"code": "rate_limited"}, {"Retry-After": "0"}),
        (503, {"code": "overloaded"}, {"Retry-After": "0"}),
        (504, {"code": "upstream_timeout"}),
        RESET,
    ],
    ids=["processing", "still running", "limited", "overloaded", "timed out", "reset"],
)
async def test_an_outcome_that_is_not_final_is_asked_for_again_with_the_same_key(
    obstacle: Step,
) -> None:
    gateway = ScriptedGateway(lambda i: [obstacle, (200, payment(i, "CAPTURED"))])

    summary = await run(gateway, [row("P-1")])

    assert summary.by_outcome() == {CAPTURED: 1}
    assert summary.repeated == 1
    assert [seen["key"] for seen in gateway.received["P-1"]] == ["P-1", "P-1"]


async def test_a_refused_payment_is_final_and_counted_by_its_code() -> None:
    gateway = ScriptedGateway(lambda i: [(400, payment(i, "FAILED", "same_account"))])

    summary = await run(gateway, [row("P-1", "ACC_SRC_1", "ACC_SRC_1")])

    assert summary.by_outcome() == {SAME_ACCOUNT: 1}
    assert summary.surprises == []


async def test_a_problem_document_is_a_rejection_and_a_surprise() -> None:
    gateway = ScriptedGateway(lambda _: [(422, {"code": "validation_failed", "status": 422})])

    summary = await run(gateway, [row("P-1")])

    (surprise,) = summary.surprises
    assert surprise.actual == Outcome(REJECTED, "validation_failed")
    assert surprise.expected == CAPTURED


async def test_an_id_taken_by_another_key_is_not_asked_for_again() -> None:
    gateway = ScriptedGateway(lambda _: [(409, {"code": "payment_id_taken"})])

    summary = await run(gateway, [row("P-1")])

    assert summary.by_outcome() == {Outcome(REJECTED, "payment_id_taken"): 1}
    assert len(gateway.received["P-1"]) == 1


async def test_a_payment_without_final_answer_in_time_is_unresolved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loadtest.client, "FINAL_SECONDS", 0.2)
    gateway = ScriptedGateway(lambda i: [(202, payment(i, "PROCESSING"))])

    summary = await run(gateway, [row("P-1")])

    assert summary.unresolved == 1
    (outcome,) = summary.by_outcome()
    assert outcome.status == UNRESOLVED
    assert "202 PROCESSING" in outcome.code


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux leaves a full backlog unanswered")
async def test_a_connection_that_is_never_made_is_given_up_for_another_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loadtest.client, "FINAL_SECONDS", 1.0)
    monkeypatch.setattr(loadtest.client, "_CONNECT_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf:
        address = deaf.getsockname()
        with socket.create_connection(address):  # its backlog is full now
            async with GatewayClient(f"http://127.0.0.1:{address[1]}", "kurs_key", 1) as client:
                result = await client.pay(row("P1"))

    # Not TimeoutError, for which all of the time there is for an answer has to pass.
    assert result.outcome == Outcome(UNRESOLVED, "no answer (ConnectionTimeoutError) for 1 s")


async def test_every_row_is_paid_once_and_no_more_at_a_time_than_asked_for() -> None:
    gateway = ScriptedGateway(lambda i: [(200, payment(i, "CAPTURED"))])
    rows = [row(f"P-{number}") for number in range(60)]

    summary = await run(gateway, rows, concurrency=5)

    assert summary.count == 60
    assert all(len(seen) == 1 for seen in gateway.received.values())
    assert gateway.most_at_once <= 5


async def test_the_summary_adds_amounts_by_status_code_and_currency() -> None:
    def script(payment_id: str) -> list[Step]:
        if payment_id == "P-2":
            return [(400, payment(payment_id, "FAILED", "insufficient_funds"))]
        return [(200, payment(payment_id, "CAPTURED"))]

    rows = [
        row("P-1"),
        row("P-2", "ACC_POOR_1"),
        Row("P-3", "JPY", "500", "ACC_SRC_1", "ACC_DST_1"),
    ]

    document = (await run(ScriptedGateway(script), rows)).document()

    assert [tuple(line.values()) for line in document["outcomes"]] == [
        ("CAPTURED", None, "IDR", 1, "188.52"),
        ("CAPTURED", None, "JPY", 1, "500"),
        ("FAILED", "insufficient_funds", "IDR", 1, "188.52"),
    ]
    assert document["unexpected"] == 0


def test_a_file_is_paid_anew_under_a_prefix() -> None:
    assert [r.payment_id for r in renamed([row("P-1")], "TUESDAY")] == ["TUESDAY-P-1"]
    assert renamed([row("P-1")], "") == [row("P-1")]


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "nonsense"])
@pytest.mark.parametrize("more", [[], ["--prepare"], ["--forever"]], ids=str)
def test_a_gateway_that_is_not_there_is_a_sentence_before_anything_is_paid(
    address: str, more: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, key = tmp_path / "payments.csv", tmp_path / "api-key"
    file.write_text(
        "payment_id,currency,amount,source_account,destination_account\n"
        "P-1,IDR,1.00,ACC_SRC_1,ACC_DST_1\n"
    )
    key.write_text("a-key")

    code = main([str(file), "--gateway", address, "--key-file", str(key), *more])

    said = capsys.readouterr().err
    assert code == 2
    assert f"replay: no answer from {address} (" in said
    assert said.count("\n") == 1


def test_a_missing_key_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "payments.csv"
    file.write_text("payment_id,currency,amount,source_account,destination_account\n")

    assert main([str(file), "--key-file", str(tmp_path / "none"), "--json"]) == 2
    captured = capsys.readouterr()
    assert f"no API key in {tmp_path / 'none'}: `make dev` leaves its own there" in captured.err
    assert captured.out == ""


async def test_the_summary_is_json(tmp_path: Path) -> None:
    gateway = ScriptedGateway(lambda i: [(200, payment(i, "CAPTURED"))])

    document = (await run(gateway, [row("P-1")])).document()

    assert json.loads(json.dumps(document)) == document
    assert document["payments"] == 1


@pytest.mark.parametrize(
    ("more", "arguments", "said"),
    [
        ('PAY-2,USD,"1,234.56",A,B', [], "line 3: amount 1,234.56 is no decimal such as 1234.56"),
        ("PAY-2,XXX,1.00,A,B", [], "line 3: currency XXX is no currency that can be paid in"),
        ("PAY-2,USD,1.00,A,B", ["--run", "r" * 70], "PAY-1 is no id of a payment"),
    ],
)
async def test_a_file_with_one_bad_row_pays_nothing_and_the_row_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: str, arguments: list[str], said: str
) -> None:
    file, key = tmp_path / "payments.csv", tmp_path / "key"
    file.write_text(f"{','.join(HEADER)}\nPAY-1,USD,1.00,A,B\n{more}\n")
    key.write_text("a-key")
    gateway = ScriptedGateway(lambda i: [(200, payment(i, "CAPTURED"))])

    async with serving(gateway) as served:
        command = [str(file), "--gateway", served.address, "--key-file", str(key), *arguments]
        code = await asyncio.to_thread(main, command)

    assert code == 2
    assert said in capsys.readouterr().err
    assert gateway.received == {}

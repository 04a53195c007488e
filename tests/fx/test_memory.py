"""What the fleet accepted last outlives the process: a new one takes no jump others refuse."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from fx.board import RateBoard
from fx.metrics import FxMetrics
from fx.settings import FxSettings
from kurs.config.accepted import ACCEPTED_FILE, Accepted
from kurs.config.resources import FxDocument
from kurs.kernel.clock import MICROS
from kurs_operator.fleet import Ack, Answer
from kurs_operator.remembering import merge
from kurs_testing.clock import ManualClock
from kurs_testing.telemetry import RecordingTelemetry

Boards = Callable[[], RateBoard]


class Provider:
    """Says what a test wants to be told."""

    url = ""
    mid = "1.10"

    async def answer(self, _: web.Request) -> web.Response:
        return web.json_response({"rates": {"USD": self.mid}})


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    told, app = Provider(), web.Application()
    app.router.add_get("/", told.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    told.url = f"http://{host}:{port}/"
    yield told
    await runner.cleanup()


@pytest.fixture
async def new_board(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Boards]:
    settings = FxSettings(config_dir=tmp_path, private_source_hosts="127.0.0.1")
    begun: list[RateBoard] = []

    def begin() -> RateBoard:
        telemetry = RecordingTelemetry("fx")
        board = RateBoard(settings, clock=clock, telemetry=telemetry, metrics=FxMetrics(telemetry))
        begun.append(board)
        return board

    yield begin
    for board in begun:
        await board.close()


def remember(folder: Path, board: RateBoard, document: FxDocument, now: int) -> None:
    """Do as the operator does with what a pod says."""
    reports = [report.model_dump(mode="json") for report in board.reports()]
    ack = Ack.of(Answer.model_validate({"reports": reports}), now)
    text = merge(Accepted(), document, [ack], now).model_dump_json()
    (folder / ACCEPTED_FILE).write_text(text)


def mid(board: RateBoard, now: int) -> str:
    return str(board.table.select("EUR", "USD", now).mid)


async def test_a_new_process_holds_a_jump_against_what_the_fleet_accepted_last(
    tmp_path: Path, provider: Provider, new_board: Boards, document: Any, http_spec: Any,
    clock: ManualClock,
) -> None:  # fmt: skip
    wanted = document(feed=http_spec(provider.url, maxDeviationBps=500, maxAge="2h"))
    first = new_board()
    first.apply(wanted)
    await first.refresh()
    remember(tmp_path, first, wanted, clock.now())
    provider.mid = "9.90"
    clock.advance(seconds=60)

    second = new_board()
    second.apply(wanted)
    assert mid(second, clock.now()) == "1.10"
    await second.refresh()

    assert mid(second, clock.now()) == "1.10"
    assert second.feeds[0].reason == "deviation"

    clock.advance(seconds=7200)
    third = new_board()
    third.apply(wanted)
    for board in (second, third):
        await board.refresh()
    assert mid(second, clock.now()) == mid(third, clock.now()) == "9.90"


async def test_what_is_remembered_is_of_the_same_base_and_of_no_later_source(
    tmp_path: Path, provider: Provider, new_board: Boards, document: Any, http_spec: Any,
    clock: ManualClock,
) -> None:  # fmt: skip
    spec = http_spec(provider.url, maxDeviationBps=500)
    text = Accepted.model_validate(
        {"sources": {"feed": {"base": "GBP", "rates": {"USD": {"mid": "1.3", "as_of":
        "2026-01-01T00:00:00Z"}}}, "later": {"base": "EUR", "rates": {"USD": {"mid": "5",
        "as_of": "2026-01-01T00:00:00Z"}}}}}
    ).model_dump_json()  # fmt: skip
    (tmp_path / ACCEPTED_FILE).write_text(text)
    board = new_board()

    board.apply(document(feed=spec))
    board.apply(document(feed=spec, later=spec))

    assert [dict(feed.rates.observed) for feed in board.feeds] == [{}, {}]


def holding(mid: str, as_of: str) -> str:
    rates = {"USD": {"mid": mid, "as_of": as_of}}
    return json.dumps({"sources": {"feed": {"base": "EUR", "rates": rates}}})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[1]",
        "x" * 300_000,
        holding("1e99", "2026-01-01T00:00:00Z"),
        holding("0", "2026-01-01T00:00:00Z"),
        holding("9", "2036-01-01T00:00:00Z"),
        holding("9", "yesterday"),
    ],
)
async def test_a_memory_that_cannot_be_believed_is_none(
    tmp_path: Path, provider: Provider, new_board: Boards, document: Any, http_spec: Any,
    clock: ManualClock, text: str,
) -> None:  # fmt: skip
    (tmp_path / ACCEPTED_FILE).write_text(text)
    board = new_board()

    board.apply(document(feed=http_spec(provider.url, maxDeviationBps=500)))
    await board.refresh()

    assert mid(board, clock.now()) == "1.10"


async def test_only_sources_that_publish_and_measure_jumps_are_told_of(
    provider: Provider, new_board: Boards, document: Any, http_spec: Any, static_spec: Any,
    clock: ManualClock,
) -> None:  # fmt: skip
    board = new_board()
    board.apply(
        document(
            measured=http_spec(provider.url, maxDeviationBps=500),
            plain=http_spec(provider.url),
            desk=static_spec(maxDeviationBps=500),
        )
    )
    await board.refresh()

    told = {report.name: report.accepted for report in board.reports()}

    assert told["plain"] is told["desk"] is None
    assert told["measured"] is not None
    seen = told["measured"].rates["USD"]
    assert (seen.mid, seen.as_of) == ("1.10", clock.now())
    assert clock.now() % MICROS == 0

"""Life: a file is paid for ever, as new payments, with what people do to payments among them."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import loadtest.life
from loadtest.client import GatewayClient
from loadtest.dummygen import generate
from loadtest.life import live, with_reviews
from loadtest.replay import main
from loadtest.rows import HEADER

TURN = 46


async def test_all_that_happens_to_payments_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loadtest.life, "_THINKING_SECONDS", 0.0)
    paid: Counter[str] = Counter()
    done: Counter[str] = Counter()
    funded: list[str] = []
    over = asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        body: Any = await request.json()
        if request.path == "/payments":
            paid[body["payment_id"]] += 1
            done[body.get("capture", "automatic")] += 1
            if len(paid) > 3 * TURN:
                over.set()
            return web.json_response({"payment_id": body["payment_id"], "status": "CAPTURED"})
        done[request.path.rpartition("/")[2]] += 1
        if request.path == "/deposits":
            funded.append(body["deposit_id"])
        return web.json_response({})

    app = web.Application()
    app.router.add_post("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with GatewayClient(address, "a-key", 8) as client:
            life = asyncio.create_task(live(client, generate(TURN, 7), rate=10_000, run="L"))
            await asyncio.wait_for(over.wait(), 60)
            life.cancel()
    finally:
        await runner.cleanup()

    assert set(paid.values()) == {1}, "each payment is a new one"
    assert len(set(funded)) == len(funded), "each turn is funded anew"
    assert {"manual", "capture", "void", "refunds", "approve", "refuse"} <= set(done)
    assert done["manual"] > done["capture"] + done["void"], "some holds are left to run out"


def test_some_are_large_enough_for_a_person_to_look_at() -> None:
    rows = generate(TURN * 10, 7)
    large = [
        after for before, after in zip(rows, with_reviews(rows), strict=True) if before != after
    ]
    assert 15 <= len(large) <= 20


def test_a_file_without_payments_cannot_be_paid_for_ever(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, key = tmp_path / "none.csv", tmp_path / "key"
    file.write_text(",".join(HEADER) + "\n")
    key.write_text("a-key")
    assert main([str(file), "--key-file", str(key), "--forever"]) == 2
    assert "no payment" in capsys.readouterr().err


@pytest.mark.parametrize("rate", ["0", "-1", "nan", "x", "1e9"])
def test_a_rate_that_is_none_is_refused(rate: str) -> None:
    with pytest.raises(SystemExit):
        main(["payments.csv", "--rate", rate])

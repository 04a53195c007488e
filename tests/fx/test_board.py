"""fx as configured: documents come, change and break; sources tick, age and fail over."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

Eventually = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]


async def rate(fx: Any, base: str = "EUR", quote: str = "USD") -> Any:
    return (await fx.get("/rate", base=base, quote=quote)).json()


async def ready(fx: Any) -> dict[str, bool]:
    checks: dict[str, bool] = (await fx.get("/readyz")).json()["checks"]
    return checks


async def test_fx_is_not_ready_before_its_first_document(
    unconfigured: Any, document: Any, static_spec: Any, eventually: Eventually
) -> None:
    async with unconfigured.running() as fx:
        answer = await fx.get("/rate", base="EUR", quote="USD")
        assert (answer.status, answer.json()["code"]) == (503, "no_rates")
        assert (await ready(fx))["configuration"] is False
        assert (await fx.get("/readyz")).status == 503

        fx.write(document(ecb=static_spec()))

        async def is_ready() -> bool:
            return bool((await fx.get("/readyz")).status == 200)

        await eventually(is_ready)
        assert (await rate(fx))["mid"] == "1.0837"


async def test_fx_is_not_ready_while_no_rate_is_usable(
    unconfigured: Any, document: Any, static_spec: Any
) -> None:
    spec = static_spec(maxAge="60s")
    spec["static"]["asOf"] = "2025-12-31T00:00:00Z"
    unconfigured.write(document(old=spec))
    async with unconfigured.running() as fx:
        checks = await ready(fx)
        assert (checks["configuration"], checks["rates"]) == (True, False)
        assert (await rate(fx))["code"] == "stale_rate"


async def test_fx_that_has_served_stays_ready_when_its_rates_grow_old(fx: Any) -> None:
    assert (await fx.get("/readyz")).status == 200
    fx.clock.advance(seconds=3601)

    assert (await rate(fx))["code"] == "stale_rate"
    assert (await fx.get("/readyz")).status == 200


async def test_a_new_document_changes_the_next_quote(
    fx: Any, document: Any, static_spec: Any, eventually: Eventually
) -> None:
    before = await rate(fx)
    new = document(ecb=static_spec(defaultSpreadBps=75))
    fx.write(new)

    async def has_changed() -> bool:
        return bool((await rate(fx))["config_revision"] == new.revision)

    await eventually(has_changed)
    after = await rate(fx)
    assert (before["spread_bps"], after["spread_bps"]) == (50, 75)
    assert (await fx.get("/internal/config")).json()["revision"] == new.revision


async def test_the_operator_is_told_of_each_source_whether_it_gives_its_rates(
    unconfigured: Any, document: Any, static_spec: Any
) -> None:
    dated = {"rates": {"USD": "1.2"}, "asOf": "2025-12-31T00:00:00Z"}
    unconfigured.write(document(desk=static_spec(static=dated)))
    async with unconfigured.running() as fx:
        [report] = (await fx.get("/internal/config")).json()["reports"]

    assert report == {
        "kind": "FXRateSource",
        "name": "desk",
        "healthy": True,
        "reason": None,
        "error": None,
        "observed_at": "2025-12-31T00:00:00.000000Z",
        "decisions": {},
        "accepted": None,
        "delivery": None,
    }


@pytest.mark.parametrize("broken", ["", "{", '{"schemaVersion": 1}', "null"])
async def test_a_broken_document_keeps_the_last_good_one_and_says_what_is_wrong(
    fx: Any, eventually: Eventually, broken: str
) -> None:
    before = await rate(fx)
    fx.write(broken)

    async def is_reported() -> bool:
        return bool((await fx.get("/internal/config")).json()["error"])

    await eventually(is_reported)
    assert await rate(fx) == before
    assert (await fx.get("/readyz")).status == 200


async def test_a_rate_ages_out_to_the_next_source_and_then_fails(
    unconfigured: Any, document: Any, static_spec: Any
) -> None:
    dated = {"rates": {"USD": "1.2"}, "asOf": "2026-01-01T00:00:00Z"}
    spare = {"rates": {"USD": "1.15"}, "asOf": "2026-01-01T00:00:00Z"}
    unconfigured.write(
        document(
            first=static_spec(static=dated, priority=200, maxAge="60s"),
            second=static_spec(static=spare, priority=100, maxAge="120s"),
        )
    )
    async with unconfigured.running() as fx:
        seen = []
        for seconds in (0, 60, 1, 59, 1):
            fx.clock.advance(seconds=seconds)
            answer = await rate(fx)
            seen.append((answer.get("source", answer.get("code")), answer.get("age_seconds")))

    assert seen == [
        ("first", 0), ("first", 60), ("second", 61), ("second", 120), ("stale_rate", None),
    ]  # fmt: skip


async def test_an_undated_static_source_is_vouched_for_at_each_refresh(fx: Any) -> None:
    fx.clock.advance(seconds=3601)
    assert (await rate(fx))["code"] == "stale_rate"

    await fx.refresh()

    assert (await rate(fx))["age_seconds"] == 0


async def test_a_suspended_source_is_as_if_it_were_not_there(
    fx: Any, document: Any, static_spec: Any, eventually: Eventually
) -> None:
    other = static_spec(static={"rates": {"IDR": "20000"}}, priority=1)
    fx.write(document(ecb=static_spec(suspend=True), other=other))

    async def is_gone() -> bool:
        return bool((await rate(fx)).get("code") == "pair_not_supported")

    await eventually(is_gone)
    names = [source["name"] for source in (await fx.get("/rates")).json()["sources"]]
    assert names == ["other"]


async def test_a_simulated_source_moves_by_itself(
    unconfigured: Any, document: Any, static_spec: Any
) -> None:
    walk = {"rates": {"USD": "1.1172"}, "seed": 3, "volatilityBps": 20, "stepSeconds": 1}
    spec = static_spec(type="Simulated", static=None, simulated=walk, refreshInterval="1s")
    unconfigured.write(document(live=spec))
    async with unconfigured.running() as fx:
        seen = [await rate(fx)]
        for _ in range(3):
            fx.clock.advance(seconds=1)
            await fx.refresh()
            seen.append(await rate(fx))

    assert len({answer["mid"] for answer in seen}) == 4
    assert [answer["as_of"][17:19] for answer in seen] == ["00", "01", "02", "03"]


async def test_a_change_of_spread_keeps_the_rates_and_leaves_other_sources_alone(
    unconfigured: Any, document: Any, static_spec: Any, clock: Any
) -> None:
    one, other = static_spec(), static_spec(baseCurrency="USD", static={"rates": {"SGD": "1.3"}})
    async with unconfigured.running() as fx:
        board = fx.board
        board.apply(document(one=one, other=other))
        first, untouched = board.feeds
        board.apply(document(one={**one, "defaultSpreadBps": 5}, other=other))

        assert board.feeds[0] is not first
        assert board.feeds[1] is untouched
        assert board.table.select("EUR", "USD", clock.now()).spread_bps == 5


@pytest.mark.parametrize("other", ["base", "type"])
async def test_rates_of_another_thing_of_the_same_name_stand_for_nothing(
    unconfigured: Any, document: Any, static_spec: Any, http_spec: Any, other: str
) -> None:
    made_anew = {
        "base": static_spec(baseCurrency="USD", static={"rates": {"SGD": "1.3"}}),
        "type": http_spec("http://127.0.0.1:9/", onStale="UseLastKnown"),
    }
    async with unconfigured.running() as fx:
        board = fx.board
        board.apply(document(one=static_spec()))
        board.apply(document(one=made_anew[other]))

        assert board.table.candidates("EUR", "USD") == ()


async def test_a_request_sees_one_table_whatever_changes_meanwhile(
    unconfigured: Any, document: Any, static_spec: Any, clock: Any
) -> None:
    async with unconfigured.running() as fx:
        board = fx.board
        board.apply(document(one=static_spec()))
        table = board.table
        board.apply(document(one=static_spec(static={"rates": {"USD": "9"}})))

        assert str(table.select("EUR", "USD", clock.now()).mid) == "1.0837"
        assert str(board.table.select("EUR", "USD", clock.now()).mid) == "9"


async def test_an_edited_rate_that_jumps_too_far_is_refused_too(
    unconfigured: Any, document: Any, static_spec: Any
) -> None:
    async with unconfigured.running() as fx:
        board = fx.board
        board.apply(document(ecb=static_spec(maxDeviationBps=500)))
        moved = static_spec(maxDeviationBps=500, static={"rates": {"USD": "10.837"}})
        board.apply(document(ecb=moved))

        assert board.feeds[0].error == "USD: moved 90000 bps from 1.0837; maxDeviationBps is 500"


@pytest.fixture
async def feed_url() -> AsyncIterator[str]:
    """A feed whose path says what it answers: /1.10 gives that rate, /down a 503."""

    async def answer(request: web.Request) -> web.Response:
        mid = request.match_info["mid"]
        if mid == "down":
            raise web.HTTPServiceUnavailable
        return web.json_response({"rates": {"USD": mid}})

    app = web.Application()
    app.router.add_get("/{mid}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}"
    await runner.cleanup()


async def test_a_feed_is_fetched_in_the_background_and_backed_by_the_next_source(
    unconfigured: Any, document: Any, http_spec: Any, static_spec: Any, feed_url: str,
    eventually: Eventually,
) -> None:  # fmt: skip
    feed = http_spec(f"{feed_url}/1.10", priority=200, maxAge="1h")
    unconfigured.write(document(feed=feed, spare=static_spec(priority=100)))
    async with unconfigured.running() as fx:

        async def is_fetched() -> bool:
            return bool((await rate(fx))["source"] == "feed")

        await eventually(is_fetched)
        assert (await rate(fx))["mid"] == "1.10"
        fx.clock.advance(seconds=3601)
        await fx.board.feeds[1].refresh()
        assert (await rate(fx))["source"] == "spare"


async def test_a_feed_that_fails_is_named_with_its_reason(
    unconfigured: Any, document: Any, http_spec: Any, static_spec: Any, feed_url: str,
    eventually: Eventually,
) -> None:  # fmt: skip
    down = http_spec(f"{feed_url}/down", priority=200)
    unconfigured.write(document(feed=down, spare=static_spec(priority=100)))
    async with unconfigured.running() as fx:

        async def is_reported() -> bool:
            sources = (await fx.get("/rates")).json()["sources"]
            return bool(sources[0]["error"] == "status")

        # Words may name a host inside the house: merchants are told the kind of error.
        fx.roles = "read"
        await eventually(is_reported)
        fx.roles = "read,audit"
        sources = (await fx.get("/rates")).json()["sources"]
        assert sources[0]["error"] == "answered status 503"
        assert (await rate(fx))["source"] == "spare"


async def test_a_private_address_is_refused_unless_settings_name_it(
    tmp_path: Any, clock: Any, telemetry: Any, document: Any, http_spec: Any, feed_url: str
) -> None:
    from fx.board import RateBoard
    from fx.metrics import FxMetrics
    from fx.settings import FxSettings

    settings = FxSettings(config_dir=tmp_path)
    board = RateBoard(settings, clock=clock, telemetry=telemetry, metrics=FxMetrics(telemetry))
    board.apply(document(feed=http_spec(f"{feed_url}/1.10")))
    await board.refresh()
    await board.close()

    said = board.feeds[0].error
    assert said is not None
    assert said.startswith("127.0.0.1 has an address that is not of the public internet")
    assert not board.table.usable(clock.now())


async def test_closing_ends_every_background_task(
    unconfigured: Any, document: Any, static_spec: Any, http_spec: Any, feed_url: str
) -> None:
    unconfigured.write(document(a=static_spec(), b=http_spec(f"{feed_url}/1.10", priority=1)))
    before = asyncio.all_tasks()
    async with unconfigured.running() as fx:
        fx.board.apply(document(a=static_spec(defaultSpreadBps=1)))
        assert any("rates of" in task.get_name() for task in asyncio.all_tasks())
    assert not [t for t in asyncio.all_tasks() - before if "rates of" in t.get_name()]

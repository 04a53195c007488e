"""What one merchant holds, and what stays for the others."""

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict
from starlette.types import Message, Receive, Scope, Send
from tests.api_gateway.harness import GATEWAY, Client, Gateway, MakeGateway, answer, problem, until

from api_gateway.admission import Loan, Shares
from api_gateway.errors import ShareUsed
from api_gateway.pace import PAUSE_SECONDS, Pace
from kurs.calls import Request
from kurs.kernel.errors import Overloaded


def loans(shares: Shares, holder: str) -> Iterator[Loan]:
    """Borrow for a holder for as long as there is anything for it."""
    while True:
        try:
            yield shares.borrow(holder)
        except (Overloaded, ShareUsed):
            return


def test_one_alone_takes_half_and_two_a_third_each_and_a_third_one_finds_the_rest() -> None:
    shares = Shares(12, "requests")

    assert len(list(loans(shares, "a"))) == 6
    assert len(list(loans(shares, "b"))) == 3
    assert len(list(loans(shares, "c"))) == 2
    with pytest.raises(ShareUsed):
        shares.borrow("a")


def test_what_is_given_back_can_be_taken_by_anybody() -> None:
    shares = Shares(4, "requests")
    with shares.borrow("a"), shares.borrow("a"), pytest.raises(ShareUsed):
        shares.borrow("a")

    assert shares.taken == 0
    assert len(list(loans(shares, "b"))) == 2


def test_a_full_house_is_nobodys_own_fault() -> None:
    shares = Shares(1, "requests")

    with shares.borrow("a"), pytest.raises(Overloaded):
        shares.borrow("b")


def test_a_loan_gives_back_what_it_grew_by() -> None:
    memory = Shares(100, "bytes")

    with memory.borrow("a", 0) as loan:
        loan.more(30)
        loan.more(20)
        with pytest.raises(ShareUsed):
            loan.more(1)
        assert memory.taken == 50
    assert memory.taken == 0


@given(st.integers(2, 40), st.lists(st.sampled_from("abcd"), max_size=80))
def test_whoever_holds_nothing_is_served_while_three_others_take_all_they_can(
    limit: int, wishes: list[str]
) -> None:
    shares = Shares(limit * 16, "requests")
    for holder in wishes * 16:
        next(loans(shares, holder), None)

    shares.borrow("newcomer")


async def test_bodies_that_do_not_arrive_take_no_slot(make_gateway: MakeGateway) -> None:
    gateway = make_gateway(max_requests=1, max_bodies=8)
    async with gateway.transport:
        dripping = [asyncio.create_task(_drip(gateway, gateway.key)) for _ in range(4)]
        await until(lambda: _gauge(gateway, "kurs_gateway_bodies") == 4)

        assert (await gateway.post("/payments")).status == 429
        assert (await gateway.get("/rates")).status == 200
        other = gateway.add_key("other", "pay")
        gateway.reload()
        assert (await gateway.post("/payments", key=other)).status == 200
        assert _gauge(gateway, "kurs_gateway_body_bytes") == 4
        await _end(dripping)
    assert _gauge(gateway, "kurs_gateway_bodies") == 0
    assert _gauge(gateway, "kurs_gateway_body_bytes") == 0


async def test_bytes_in_memory_are_shared_out_too(make_gateway: MakeGateway) -> None:
    gateway = make_gateway(max_body_memory_bytes=4000)
    release = asyncio.Event()

    async def held(_: Scope, __: Receive, send: Send) -> None:
        await release.wait()
        await answer(send, 200, b"{}")

    gateway.services["payments"].handle = held
    other = gateway.add_key("other", "pay")
    gateway.reload()
    async with gateway.transport:
        waiting = asyncio.create_task(gateway.post("/payments", b"x" * 2000))
        await until(gateway.arrivals)

        refused = await gateway.post("/payments", b"x")
        others = asyncio.create_task(gateway.post("/payments", b"x" * 1000, key=other))
        await until(lambda: gateway.arrivals() == 2)
        release.set()

        problem(refused, 429, "share_used")
        assert refused.headers["retry-after"] == "1"
        assert [(await task).status for task in (waiting, others)] == [200, 200]


async def test_a_merchant_whose_slots_are_used_is_refused_and_another_is_not(
    make_gateway: MakeGateway,
) -> None:
    gateway = make_gateway(max_requests=4)
    release = asyncio.Event()

    async def held(_: Scope, __: Receive, send: Send) -> None:
        await release.wait()
        await answer(send, 200, b"{}")

    gateway.services["payments"].handle = held
    second_key = gateway.add_key("shop", "pay")
    other = gateway.add_key("other", "pay")
    gateway.reload()
    async with gateway.transport:
        waiting = [asyncio.create_task(gateway.post("/payments")) for _ in range(2)]
        await until(lambda: gateway.arrivals() == 2)

        problem(await gateway.post("/payments"), 429, "share_used")
        problem(await gateway.post("/payments", key=second_key), 429, "share_used")
        others = asyncio.create_task(gateway.post("/payments", key=other))
        await until(lambda: gateway.arrivals() == 3)
        release.set()

        assert (await others).status == 200
        assert [a.status for a in await asyncio.gather(*waiting)] == [200, 200]


async def test_a_merchant_has_sixteen_streams_and_others_have_theirs(gateway: Gateway) -> None:
    async def endless(_: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b": hi\n\n", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass

    gateway.services["payments"].handle = endless
    other = gateway.add_key("other", "read")
    gateway.reload()
    opened = asyncio.Semaphore(0)

    async def follow(key: str) -> None:
        headers = CIMultiDict({"Authorization": f"Bearer {key}"})
        request = Request("GET", f"{GATEWAY}/payments/events", headers)
        async with gateway.transport.stream(request) as stream:
            async for _ in stream.chunks:
                opened.release()

    followers = [asyncio.create_task(follow(gateway.key)) for _ in range(16)]
    async with asyncio.timeout(60):
        for _ in followers:
            await opened.acquire()

        problem(await gateway.get("/payments/events"), 429, "share_used")
        followers.append(asyncio.create_task(follow(other)))
        await opened.acquire()
    await _end(followers)


async def test_refusals_beyond_those_of_a_second_wait(make_gateway: MakeGateway) -> None:
    gateway = make_gateway(rate_limit="2/hour", free_refusals_per_second=3)
    other = gateway.add_key("other", "read")
    gateway.reload()
    clock = asyncio.get_running_loop().time
    async with gateway.transport:
        for send in (
            lambda: gateway.get("/rates", key=None),
            lambda: gateway.get("/nowhere", key=None),
            lambda: gateway.get("/rates"),
        ):
            began = clock()
            answers = [await send() for _ in range(8)]
            assert clock() - began >= PAUSE_SECONDS
            assert {a.status for a in answers} <= {200, 401, 404, 429}
        began = clock()
        tasks = [asyncio.create_task(gateway.get("/rates", key=None)) for _ in range(6)]
        assert (await gateway.get("/rates", key=other)).status == 200
        assert (await gateway.get("/readyz", key=None)).status == 200
        assert not all(task.done() for task in tasks)
        await asyncio.gather(*tasks)


async def test_a_pace_counts_each_caller_and_each_second() -> None:
    now = [10.0]
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    pace = Pace(2, now=lambda: now[0], sleep=sleep)
    for address in ("a", "a", "b", "b"):
        await pace.of_address(address)
    await pace.of_merchant("a")
    assert slept == []
    await pace.of_address("a")
    assert slept == [PAUSE_SECONDS]
    now[0] = 11.0
    await pace.of_address("a")
    assert slept == [PAUSE_SECONDS]


async def _drip(gateway: Gateway, key: str) -> None:
    first: list[Message] = [{"type": "http.request", "body": b"{", "more_body": True}]

    async def receive() -> Message:
        if first:
            return first.pop()
        await asyncio.Event().wait()
        raise AssertionError("never")

    headers = {
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/json",
        "Content-Length": "2",
    }
    await Client(gateway.app, "POST", "/payments", headers).call(receive)


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _gauge(gateway: Gateway, name: str) -> float | None:
    return gateway.telemetry.registry.get_sample_value(name)

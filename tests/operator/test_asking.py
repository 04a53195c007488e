"""Questions to pods, over real HTTP, and the pace at which they are put."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Hashable
from dataclasses import replace

import aiohttp
import pytest
from aiohttp import web
from tests.operator.small_cluster import SmallPod

from kurs.edges import Signer
from kurs.kernel.clock import SystemClock
from kurs_operator import asking
from kurs_operator.asking import Acknowledgements, Asker, NoAnswer
from kurs_operator.cache import Change
from kurs_operator.fleet import Answer, Pod
from kurs_testing.clock import ManualClock
from kurs_testing.edges import key_of

EDGE = ("operator", "fx")
POD = Pod("uid-1", "fx-1", "fx", "127.0.0.1:1", True, "")
GOOD = {"revision": "0" * 16, "digest": "d" * 16, "sources": [], "reports": [], "new": "field"}


@pytest.fixture
async def served() -> AsyncIterator[Callable[..., object]]:
    runners: list[web.AppRunner] = []

    async def serve(answer: Callable[[web.Request], object]) -> Pod:
        app = web.Application()
        app.router.add_get("/internal/config", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        runners.append(runner)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        return replace(POD, address=f"{host}:{port}")

    yield serve
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
async def asker() -> AsyncIterator[Asker]:
    async with aiohttp.ClientSession() as session:
        yield Asker(session, {"fx": Signer(*EDGE, lambda: key_of(EDGE), SystemClock())})


async def test_an_answer_is_read_and_what_is_new_in_it_is_ignored(served, asker):
    async def answer(_: web.Request) -> web.Response:
        return web.json_response(GOOD)

    assert await asker(await served(answer)) == Answer.model_validate(GOOD)


async def test_an_answer_that_comes_in_pieces_is_read_to_its_end(served, asker):
    whole = json.dumps(GOOD).encode()
    rest_may_go = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(whole[:20])
        await rest_may_go.wait()
        await response.write(whole[20:])
        return response

    asked = asyncio.create_task(asker(await served(answer)))
    # Long enough for the first piece to be read alone: a reader that stops there fails by now.
    await asyncio.wait([asked], timeout=0.2)
    rest_may_go.set()
    assert await asked == Answer.model_validate(GOOD)


async def test_an_answer_without_end_is_given_up(served, asker, monkeypatch):
    monkeypatch.setattr(asking, "MAX_BYTES", 100)

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({**GOOD, "new": "x" * 200})

    with pytest.raises(NoAnswer, match="more than 100 bytes"):
        await asker(await served(answer))


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (503, "{}", "answered 503"),
        (302, "", "answered 302"),
        (200, "<html>", "no configuration state"),
        (200, json.dumps({"sources": 3}), "no configuration state"),
    ],
)
async def test_what_is_no_answer_is_told_in_a_few_words(served, asker, status, body, said):
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body, headers={"Location": "/elsewhere"})

    with pytest.raises(NoAnswer, match=said):
        await asker(await served(answer))


async def test_a_pod_that_cannot_be_reached_is_no_fault(asker):
    with pytest.raises(NoAnswer, match="cannot be reached"):
        await asker(POD)


async def test_a_slow_pod_is_not_waited_for(served, asker, monkeypatch):
    monkeypatch.setattr(asking, "TIMEOUT_SECONDS", 0.01)
    ended = asyncio.Event()

    async def answer(_: web.Request) -> web.Response:
        await ended.wait()
        return web.Response()

    with pytest.raises(NoAnswer, match="no answer within"):
        await asker(await served(answer))
    ended.set()


class Pods:
    """Answers for pods in memory; counts how often each was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer | NoAnswer] = {}
        self.asked: dict[str, int] = {}
        self.came = asyncio.Event()

    async def __call__(self, pod: Pod) -> Answer:
        self.asked[pod.name] = self.asked.get(pod.name, 0) + 1
        self.came.set()
        answer = self.answers[pod.name]
        if isinstance(answer, NoAnswer):
            raise answer
        return answer

    async def reach(self, name: str, count: int) -> None:
        async with asyncio.timeout(30):
            while self.asked.get(name, 0) < count:
                self.came.clear()
                await self.came.wait()
        await asyncio.sleep(0)


@pytest.fixture
async def pods() -> Pods:
    return Pods()


@pytest.fixture
def woken() -> list[Hashable]:
    """What the questions woke the queue for."""
    return []


@pytest.fixture
async def acks(pods: Pods, woken: list[Hashable]) -> AsyncIterator[Acknowledgements]:
    made = Acknowledgements(pods, wake=woken.append, clock=ManualClock())
    yield made
    await made.close()


async def test_a_pod_is_asked_until_it_agrees(pods: Pods, acks: Acknowledgements):
    pods.answers["fx-1"] = Answer(digest="old")

    acks.follow([POD], {"fx": "new"})
    await pods.reach("fx-1", 3)

    assert acks.known[POD.uid].answer.digest == "old"


async def test_an_answer_does_not_hide_a_change_of_its_pod(
    pods: Pods, acks: Acknowledgements, woken: list[Hashable]
):
    """The queue keeps the first of two equal things: a pod that became ready would go unseen."""
    pods.answers["fx-1"] = Answer(digest="old")

    acks.follow([POD], {"fx": "new"})
    await pods.reach("fx-1", 2)

    assert woken
    assert Change("Pod", "fx-1") not in woken


async def test_a_pod_that_agrees_is_asked_again_at_once_when_the_document_changes(
    pods: Pods, acks: Acknowledgements
):
    pods.answers["fx-1"] = Answer(digest="one")
    acks.follow([POD], {"fx": "one"})
    await pods.reach("fx-1", 1)

    pods.answers["fx-1"] = Answer(digest="two")
    acks.follow([POD], {"fx": "two"})
    await pods.reach("fx-1", 2)

    assert acks.known[POD.uid].answer.digest == "two"


@pytest.mark.parametrize("turns", range(5))
async def test_it_ends_even_if_that_comes_together_with_a_change(
    pods: Pods, acks: Acknowledgements, turns: int
):
    pods.answers["fx-1"] = Answer(digest="one")
    acks.follow([POD], {"fx": "one"})
    await pods.reach("fx-1", 1)
    await asyncio.sleep(0.01)

    acks.follow([POD], {"fx": "two"})
    for _ in range(turns):
        await asyncio.sleep(0)
    ending = asyncio.create_task(acks.close())

    assert await asyncio.wait([ending], timeout=60) == ({ending}, set())


async def test_silence_does_not_undo_what_a_pod_said(pods: Pods, acks: Acknowledgements):
    pods.answers["fx-1"] = Answer(revision="r", digest="one")
    acks.follow([POD], {"fx": "two"})
    await pods.reach("fx-1", 1)

    pods.answers["fx-1"] = NoAnswer("no answer within 1 s")
    await pods.reach("fx-1", 3)

    ack = acks.known[POD.uid]
    assert (ack.answer.revision, ack.silence) == ("r", "no answer within 1 s")


async def test_a_pod_that_is_gone_or_unready_is_forgotten(pods: Pods, acks: Acknowledgements):
    pods.answers["fx-1"] = Answer(digest="one")
    acks.follow([POD], {"fx": "one"})
    await pods.reach("fx-1", 1)

    acks.follow([replace(POD, ready=False)], {"fx": "one"})

    assert acks.known == {}


@pytest.mark.parametrize(
    ("address", "place"), [("10.0.0.1", "10.0.0.1:8082"), ("fd00::7", "[fd00::7]:8082")]
)
def test_an_address_stands_in_a_url_as_its_family_does(address: str, place: str):
    body = SmallPod("fx-1", "fx").body()
    body["status"]["podIP"] = address

    assert Pod.of(body).address == place

"""Asks every pod which configuration it runs, until all agree, and now and then after that.

One task per pod, so that a slow one delays no other; at most `_AT_ONCE` questions at a time.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace

import aiohttp
from multidict import CIMultiDict
from pydantic import ValidationError

from kurs.calls import BodyTooLarge, read_bounded
from kurs.edges import Signer
from kurs.kernel.clock import Clock, SystemClock
from kurs_operator.fleet import Ack, Answer, Pod

AUDIT_SECONDS = 10.0
DELIVERY_SECONDS = 5.0
"""How often pods are asked that say whether events arrive, which changes by itself."""
FIRST_SECONDS = 0.1
SLOWER = 1.3
SLOWEST_SECONDS = 5.0
TIMEOUT_SECONDS = 1.0
MAX_BYTES = 4 * 1024 * 1024
_AT_ONCE = 10
_PATH = "/internal/config"

Question = Callable[[Pod], Awaitable[Answer]]


class NoAnswer(Exception):
    """A pod did not say what it runs; the message says why."""


class Asker:
    """Puts the question over HTTP."""

    def __init__(self, session: aiohttp.ClientSession, signers: Mapping[str, Signer]) -> None:
        """Ask pods of the services that `signers` are for."""
        self._session = session
        self._signers = signers

    async def __call__(self, pod: Pod) -> Answer:
        """Return the pod's answer; raises NoAnswer."""
        headers: CIMultiDict[str] = CIMultiDict()
        self._signers[pod.service].sign("GET", _PATH, headers, None)
        try:
            async with self._session.get(
                f"http://{pod.address}{_PATH}",
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
                allow_redirects=False,
            ) as response:
                if response.status != 200:
                    raise NoAnswer(f"answered {response.status}")
                return Answer.model_validate_json(await read_bounded(response, MAX_BYTES))
        except TimeoutError:
            raise NoAnswer(f"no answer within {TIMEOUT_SECONDS:g} s") from None
        except BodyTooLarge as error:
            raise NoAnswer(f"answered {error}") from None
        except aiohttp.ClientError as error:
            raise NoAnswer(f"cannot be reached: {type(error).__name__}") from None
        except ValidationError:
            raise NoAnswer("answered what is no configuration state") from None


class Acknowledgements:
    """Follows pods and keeps what each said last; `wake` is called after each answer."""

    def __init__(
        self, ask: Question, *, wake: Callable[[Hashable], None], clock: Clock | None = None
    ) -> None:
        self.known: dict[str, Ack] = {}
        self._ask = ask
        self._wake = wake
        self._clock = clock or SystemClock()
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._hurry: dict[str, asyncio.Event] = {}
        self._digests: Mapping[str, str] = {}

    def follow(self, pods: Iterable[Pod], digests: Mapping[str, str]) -> None:
        """Ask these ready pods from now on, and hurry those of a service whose digest changed."""
        wanted = {pod.uid: pod for pod in pods if pod.ready}
        for uid in [uid for uid in self._tasks if uid not in wanted]:
            self._forget(uid)
        changed = {s for s, digest in digests.items() if self._digests.get(s) != digest}
        self._digests = dict(digests)
        for uid, pod in wanted.items():
            if uid not in self._tasks:
                self._hurry[uid] = asyncio.Event()
                self._tasks[uid] = asyncio.create_task(self._follow(pod), name=f"ask {pod.name}")
            elif pod.service in changed:
                self.hurry([uid])

    def hurry(self, uids: Iterable[str]) -> None:
        """Ask these pods at once and not at their turn, as far as they are followed."""
        for uid in uids:
            if uid in self._hurry:
                self._hurry[uid].set()

    async def close(self) -> None:
        """Stop asking."""
        tasks = list(self._tasks.values())
        for uid in list(self._tasks):
            self._forget(uid)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, uid: str) -> None:
        self._tasks.pop(uid).cancel()
        self._hurry.pop(uid)
        self.known.pop(uid, None)

    async def _follow(self, pod: Pod) -> None:
        hurry, pause = self._hurry[pod.uid], FIRST_SECONDS
        while True:
            await self._question(pod)
            if self._agrees(pod):
                audit = DELIVERY_SECONDS if pod.service == "webhooks" else AUDIT_SECONDS
                pause, delay = FIRST_SECONDS, audit
            else:
                pause, delay = min(pause * SLOWER, SLOWEST_SECONDS), pause
            # Not wait_for, which loses a cancellation that comes together with what it waits for.
            with suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await hurry.wait()
                hurry.clear()
                pause = FIRST_SECONDS

    async def _question(self, pod: Pod) -> None:
        async with self._slots:
            asked_at = self._clock.now()
            try:
                ack = Ack.of(await self._ask(pod), asked_at)
            except NoAnswer as error:
                # What it said last stands: it may well be busy, and has run it then.
                ack = replace(self.known.get(pod.uid) or Ack(0), silence=str(error))
        self.known[pod.uid] = ack
        self._wake(("answer", pod.name))

    def _agrees(self, pod: Pod) -> bool:
        ack, digest = self.known.get(pod.uid), self._digests.get(pod.service)
        return ack is not None and digest is not None and ack.answer.digest == digest

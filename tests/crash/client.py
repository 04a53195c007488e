"""The bounded client: sends steps, repeats the open ones under the same key, and notes replies."""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import aiohttp
from multidict import CIMultiDict
from tests.crash.history import History, Reply
from tests.crash.workload import Job, Step

from devstack import Stack
from kurs.kernel.roles import ROLES
from loadtest.client import open_session

PATIENCE_SECONDS = 240.0
"""How long one request is repeated before it counts as never answered."""
_PAUSE_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.4)


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go, and the headers that say who calls.

    `stack` signs what goes to a `process` behind the gateway.
    """

    url: str
    headers: Mapping[str, str]
    process: str = ""
    stack: Stack | None = None

    def head(
        self, method: str, path: str, body: bytes | None = None, key: str = ""
    ) -> CIMultiDict[str]:
        """Return the headers of one request; `key` is its Idempotency-Key."""
        headers = CIMultiDict(self.headers)
        if body is not None:
            headers["Content-Type"] = "application/json"
        if key:
            headers["Idempotency-Key"] = key
        if self.stack is not None:
            self.stack.sign(self.process, method, path, headers, body)
        return headers


def gateway_target(stack: Stack) -> Target:
    """Return the public address, with the API key of the merchant `demo`."""
    key = {"Authorization": f"Bearer {stack.api_key()}"}
    return Target(stack.url("api-gateway"), key, "api-gateway")


def direct_target(stack: Stack, process: str, roles: Sequence[str] = ROLES) -> Target:
    """Return one process behind the gateway, told who calls as the gateway would."""
    identity = {
        "X-Kurs-Merchant": "demo",
        "X-Kurs-Key-Id": "test",
        "X-Kurs-Roles": ",".join(roles),
    }
    return Target(stack.url(process), identity, process, stack)


class Client:
    """Sends to its targets in turn, at most `limit` requests at a time."""

    def __init__(self, targets: Sequence[Target], history: History, *, limit: int) -> None:
        self._targets = targets
        self._limit = limit
        self._sent = 0
        self.history = history
        self.in_flight = 0

    async def __aenter__(self) -> "Client":
        self._session = open_session(self._limit)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def send(self, method: str, path: str, body: Any = None, key: str = "") -> Reply:
        """Send one request once."""
        self._sent += 1
        target = self._targets[self._sent % len(self._targets)]
        content = None if body is None else json.dumps(body).encode()
        headers = target.head(method, path, content, key)
        self.in_flight += 1
        try:
            async with self._session.request(
                method, target.url + path, data=content, headers=headers
            ) as answer:
                replayed = answer.headers.get("Idempotent-Replayed") == "true"
                return Reply(answer.status, await answer.read(), replayed)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return Reply(0, f"{type(error).__name__}: {error}".encode())
        finally:
            self.in_flight -= 1

    async def until_taken(
        self, method: str, path: str, body: Any = None, *, may_be: Sequence[int] = (200,)
    ) -> Reply:
        """Repeat a request that is no step of a job until its status is one of `may_be`."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (reply := await self.send(method, path, body)).status not in may_be:
            assert time.monotonic() < deadline, f"{method} {path}: {reply}"
            await asyncio.sleep(_PAUSE_SECONDS[-1])
        return reply

    async def take(self, step: Step, *, repeats: bool) -> Reply:
        """Send a step, with `repeats` until its reply is final, and return the last reply."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        attempt = 0
        while True:
            reply = await self.send("POST", step.path, step.body, step.key)
            self.history.add(step, reply)
            if not (repeats and reply.is_open()) or time.monotonic() > deadline:
                return reply
            await asyncio.sleep(_PAUSE_SECONDS[min(attempt, len(_PAUSE_SECONDS) - 1)])
            attempt += 1

    async def carry_out(self, job: Job, *, repeats: bool) -> None:
        """Make a payment and do what is to become of it; a step that stays open ends it."""
        reply = await self.take(job.pay, repeats=repeats)
        if not reply.is_outcome():
            return
        status = reply.document()["status"]
        if status == "REVIEW":
            reply = await self.take(job.decision, repeats=repeats)
            status = reply.document().get("status") if reply.is_outcome() else None
        elif status == "AUTHORIZED" and job.follow is not None:
            await self.take(job.follow, repeats=repeats)
        if status == "CAPTURED":
            for refund in job.refunds:
                if not (await self.take(refund, repeats=repeats)).is_outcome():
                    return

"""The bounded HTTP client: one payment, sent until its outcome is final."""

import asyncio
import json
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import aiohttp

from kurs.kernel.dead_peers import open_socket
from loadtest.expectations import Outcome
from loadtest.rows import Row

FINAL_SECONDS = 60.0
"""How long one payment is retried before it counts as unresolved."""
_REQUEST_SECONDS = 30.0
# A Service keeps sending the packets of one connection to the pod that it chose first, so that one
# to a pod that is gone is never made: only another connection is sent elsewhere.
_CONNECT_SECONDS = 3.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0
# Not decided yet (202, 409), not taken in (429, 503), or an unknown outcome (502, 504): the same
# key again is always safe and finds out.
RETRIED = frozenset({202, 409, 429, 502, 503, 504})
_NEVER_FINAL = frozenset({"payment_id_taken"})
"""Codes of a 409 that no retry changes."""

UNRESOLVED = "UNRESOLVED"
REJECTED = "REJECTED"


class GatewayError(Exception):
    """The gateway refused what the tool needs, or cannot be reached; the message says which."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, read whole."""

    status: int
    document: Any
    retry_after: float | None = None

    def text(self, name: str) -> str:
        """Return a field of the JSON document, empty if it is not there."""
        value = self.document.get(name) if isinstance(self.document, dict) else None
        return "" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a row: seconds from the first byte sent to the final answer read.

    `outcome.status` is a payment status, REJECTED for an answer that is no payment (its code is
    the problem's) or UNRESOLVED when none was final in time (its code is the last obstacle).
    """

    row: Row
    outcome: Outcome
    seconds: float
    attempts: int


def open_session(limit: int, headers: Mapping[str, str] | None = None) -> aiohttp.ClientSession:
    """Return a session of at most `limit` connections, each request of which ends in time."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=limit, socket_factory=open_socket),
        timeout=aiohttp.ClientTimeout(total=_REQUEST_SECONDS, sock_connect=_CONNECT_SECONDS),
        headers=headers,
    )


class GatewayClient:
    """A session with the gateway that never has more than `concurrency` requests under way."""

    def __init__(self, gateway: str, api_key: str, concurrency: int) -> None:
        self._base = gateway.rstrip("/")
        self._headers = {
            "Authorization": f"Bearer {api_key}",
            "Content-Type": "application/json",
        }
        self._slots = asyncio.Semaphore(concurrency)
        self._concurrency = concurrency

    async def __aenter__(self) -> "GatewayClient":
        self._session = open_session(self._concurrency, self._headers)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def reach(self) -> None:
        """See that something answers there, whatever it says; raises GatewayError."""
        try:
            await self.send("GET", "/healthz", None, {})
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise GatewayError(f"no answer from {self._base} ({type(error).__name__})") from error

    async def get(self, path: str) -> Answer:
        """Return the answer to a GET; raises GatewayError when it is not 200."""
        return _required(await self.send("GET", path, None, {}), path)

    async def post(self, path: str, body: object, *, key: str = "") -> Answer:
        """Post a repeatable request until it is taken in; raises GatewayError when refused.

        `key` is its Idempotency-Key, where it needs one.
        """
        headers = {"Idempotency-Key": key} if key else {}
        answer = await self._until_final("POST", path, json.dumps(body).encode(), headers)
        return _required(answer[0], path)

    async def pay(self, row: Row) -> Result:
        """Make the payment of a row, under its own idempotency key, until it is final."""
        started = time.perf_counter()
        headers = {"Idempotency-Key": row.payment_id}
        try:
            answer, attempts = await self._until_final("POST", "/payments", _body(row), headers)
        except GatewayError as error:
            outcome, attempts = Outcome(UNRESOLVED, str(error)), 0
        else:
            outcome = _outcome(answer)
        return Result(row, outcome, time.perf_counter() - started, attempts)

    async def _until_final(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[Answer, int]:
        deadline = time.monotonic() + FINAL_SECONDS
        attempts = 0
        while True:
            attempts += 1
            obstacle: str
            retry_after = None
            try:
                answer = await self.send(method, path, body, headers)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                obstacle = f"no answer ({type(error).__name__})"
            else:
                if _is_final(answer):
                    return answer, attempts
                obstacle = f"{answer.status} {answer.text('code') or answer.text('status')}"
                retry_after = answer.retry_after
            pause = _pause(attempts, retry_after)
            if time.monotonic() + pause > deadline:
                raise GatewayError(f"{obstacle} for {FINAL_SECONDS:g} s")
            await asyncio.sleep(pause)

    async def send(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> Answer:
        """Ask once, and return whatever is answered."""
        async with (
            self._slots,
            self._session.request(
                method, self._base + path, data=body, headers=headers, allow_redirects=False
            ) as response,
        ):
            raw = await response.read()
            after = response.headers.get("Retry-After", "")
            return Answer(response.status, _json(raw), float(after) if after.isdigit() else None)


def _body(row: Row) -> bytes:
    return json.dumps(
        {
            "payment_id": row.payment_id,
            "amount": row.amount,
            "currency": row.currency,
            "source_account": row.source_account,
            "destination_account": row.destination_account,
        }
    ).encode()


def _is_final(answer: Answer) -> bool:
    return answer.status not in RETRIED or answer.text("code") in _NEVER_FINAL


def _outcome(answer: Answer) -> Outcome:
    status = answer.text("status")
    if answer.status not in (200, 400) or not answer.text("payment_id"):
        return Outcome(REJECTED, answer.text("code") or f"http_{answer.status}")
    failure = answer.document.get("failure") or {}
    return Outcome(status, str(failure.get("code", "")))


def _required(answer: Answer, path: str) -> Answer:
    if answer.status not in (200, 201):
        detail = answer.text("detail") or "no problem document"
        raise GatewayError(f"{path} answered {answer.status}: {detail}")
    return answer


def _pause(attempts: int, retry_after: float | None) -> float:
    if retry_after is not None:
        return min(retry_after, _LONGEST_PAUSE)
    longest = min(_FIRST_PAUSE * 2.0**attempts, _LONGEST_PAUSE)
    return random.uniform(longest / 2, longest)


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return None

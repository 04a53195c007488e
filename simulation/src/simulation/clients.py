"""The clients of a world: they ask, repeat when they hear nothing, race each other, and remember.

A client repeats a request under the same key until its answer is final or its patience ends, as
docs/api.md tells it to.
"""

import asyncio
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from kurs.calls import Request, Response, TransportError
from simulation.documents import QUOTE_SECONDS
from simulation.network import Network
from simulation.oracle.promise import BrokenPromise
from simulation.plan import ACCOUNTS, OVERDRAFTS, Deposit, Ending, Quoted, Session, first_funds

DECIMALS = {"USD": 2, "IDR": 2, "JPY": 0, "BHD": 3}
GATEWAY = "http://gateway.world"
_REQUEST_SECONDS = 12.0
_PATIENCE_SECONDS = 30.0
_AGAIN_SECONDS = 0.4
_LONGEST_AGAIN_SECONDS = 6.0
"""Who hears nothing asks again in 0.4 seconds, then ever later, up to so many."""
_LATE_QUOTE_SECONDS = QUOTE_SECONDS + 3.0
_NOT_YET = {202, 429, 500, 502, 503, 504}


def major(minor: int, currency: str) -> str:
    """Return minor units as the decimal text of a request."""
    return str(Decimal(minor).scaleb(-DECIMALS[currency]))


def minor(text: str, currency: str) -> int:
    """Return the minor units of an answer's decimal text."""
    return int(Decimal(text).scaleb(DECIMALS[currency]))


@dataclass(slots=True)
class Asked:
    """One request under one key: where to, its content, every final answer, how often sent."""

    path: str
    body: Any
    key: str
    answers: list[tuple[int, bytes]] = field(default_factory=list)
    sent: int = 0

    def headers(self) -> dict[str, str]:
        """Return the headers that it is sent with."""
        return {"idempotency-key": self.key} if self.key else {}


@dataclass
class Clients:
    """All clients of one run, with one API key; `tell` gets a line for each answer."""

    network: Network
    key: str
    tell: Any
    asked: dict[str, Asked] = field(default_factory=dict)
    quotes: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: list[tuple[int, str, str]] = field(default_factory=list)
    requests: int = 0

    async def fund(self) -> None:
        """Open every account and put its first money into it."""
        await self.must("POST", "/accounts", [_account(name) for name in ACCOUNTS])
        for name in ACCOUNTS:
            for currency, minor in first_funds(name).items():
                deposit = {
                    "deposit_id": f"{name}-{currency}",
                    "account_id": name,
                    "currency": currency,
                    "amount": major(minor, currency),
                }
                await self.must("POST", "/deposits", deposit)

    async def must(self, method: str, path: str, body: Any = None) -> Any:
        """Return the JSON of a request that succeeds sooner or later; raises when it is refused."""
        while True:
            answer = await self._try(method, path, body, {})
            if answer is not None and answer.status == 200:
                return answer.json()
            if answer is not None and not _is_open(answer):
                raise RuntimeError(f"{method} {path}: {answer.body.decode()}")
            await asyncio.sleep(_AGAIN_SECONDS)

    async def play(self, session: Session, begins: float) -> None:
        """Do what a session says, as far as it goes; plans begin at `begins`."""
        await asyncio.sleep(begins + session.at - asyncio.get_running_loop().time())
        body = await self._payment(session)
        if body is None:
            return
        racers = [
            self._ask(f"pay {session.number}", "/payments", body) for _ in range(session.racers)
        ]
        paid = (await asyncio.gather(*racers))[0]
        if session.other:
            await self._send_other(session, body)
        for _ in range(session.replays):
            await asyncio.sleep(session.pause)
            paid = await self._ask(f"pay {session.number}", "/payments", body) or paid
        await asyncio.sleep(session.pause)
        if paid is not None:
            await self._go_on(session, paid)

    async def bring(self, deposit: Deposit, begins: float) -> None:
        """Bring money into an account, once, however often it is asked for."""
        await asyncio.sleep(begins + deposit.at - asyncio.get_running_loop().time())
        body = {
            "deposit_id": f"d{deposit.number}",
            "account_id": deposit.account,
            "currency": deposit.currency,
            "amount": major(deposit.amount, deposit.currency),
        }
        name = f"deposit {deposit.number}"
        await asyncio.gather(*(self._ask(name, "/deposits", body) for _ in range(deposit.racers)))
        # Before the first one is known to be made, the other one may be.
        if deposit.other and self.asked[name].answers:
            other = {**body, "amount": major(deposit.amount + 1, deposit.currency)}
            answer = await self._try("POST", "/deposits", other, {})
            if answer is not None and answer.status == 200:
                raise BrokenPromise("a deposit under a used id is refused", f"{deposit}")
        for _ in range(deposit.replays):
            await asyncio.sleep(deposit.pause)
            await self._ask(name, "/deposits", body)

    async def ask_again(self, chance: random.Random, most: int) -> None:
        """Repeat some of what was answered, now that all is quiet: the same is told again."""
        told = [name for name, asked in self.asked.items() if asked.answers]
        for name in chance.sample(told, min(most, len(told))):
            asked = self.asked[name]
            before = len(asked.answers)
            await self._ask(name, asked.path, asked.body, key=asked.key)
            if len(asked.answers) == before:
                raise BrokenPromise(
                    "an answer once given is given again, byte for byte",
                    f"{name}: first {asked.answers[0]}, and then none",
                )

    async def replay(self, destination: str, after: int) -> None:
        """Ask for the events after a sequence again, as who sees that a receiver is back."""
        path = f"/event-destinations/{destination}/replay"
        while True:
            answer = await self._try("POST", path, {"after": after}, {})
            if answer is not None and answer.status == 202:
                return
            await asyncio.sleep(_AGAIN_SECONDS)

    async def read(self, path: str) -> Any:
        """Return the JSON of what can be read for certain once all is quiet."""
        return await self.must("GET", path)

    async def pages(self, path: str) -> list[Any]:
        """Return every item of a list, page by page."""
        items: list[Any] = []
        cursor = ""
        while True:
            page = await self.read(f"{path}?limit=50{cursor}")
            items += page["items"]
            if page["next_cursor"] is None:
                return items
            cursor = f"&cursor={page['next_cursor']}"

    async def follow(self) -> None:
        """Follow the events from the first one on, through every loss of the connection."""
        after = 0
        while True:
            headers = {"last-event-id": str(after), "accept": "text/event-stream"}
            request = self._request("GET", "/payments/events", None, headers)
            try:
                async with self.network.stream(request) as answer:
                    if answer.status == 200:
                        after = await self._read_events(answer.chunks, after)
            except (TransportError, TimeoutError):
                pass
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _read_events(self, chunks: Any, after: int) -> int:
        text = b""
        try:
            async for chunk in chunks:
                text += chunk
                while b"\n\n" in text:
                    block, _, text = text.partition(b"\n\n")
                    fields = dict(
                        line.split(": ", 1) for line in block.decode().splitlines() if ": " in line
                    )
                    if "data" in fields:
                        after = int(fields["id"])
                        event = json.loads(fields["data"])
                        self.events.append((after, event["payment_id"], event["to"]))
        except TransportError:
            pass
        return after

    async def _payment(self, session: Session) -> dict[str, Any] | None:
        body: dict[str, Any] = {
            "payment_id": f"p{session.number}",
            "amount": major(session.amount, session.currency),
            "currency": session.currency,
            "source_account": session.source,
            "destination_account": session.destination,
            "capture": session.capture.value,
        }
        if session.destination_currency is not None:
            body["destination_currency"] = session.destination_currency
        if session.quoted is not Quoted.NONE:
            quote = await self._quote(session)
            if quote is None:
                return None
            body["quote"] = quote["quote"]
        return body

    async def _quote(self, session: Session) -> Any:
        wanted = {
            "source_currency": session.currency,
            "destination_currency": session.destination_currency,
            "source_amount": major(session.amount, session.currency),
        }
        answer = await self._try("POST", "/quotes", wanted, {})
        if answer is None or answer.status != 200:
            return None
        quote = answer.json()
        self.quotes[f"p{session.number}"] = quote
        if session.quoted is Quoted.LATE:
            await asyncio.sleep(_LATE_QUOTE_SECONDS)
        if session.quoted is Quoted.TWICE:
            first = {
                "payment_id": f"q{session.number}",
                "amount": wanted["source_amount"],
                "currency": session.currency,
                "source_account": session.source,
                "destination_account": session.destination,
                "destination_currency": session.destination_currency,
                "quote": quote["quote"],
            }
            await self._ask(f"pay q{session.number}", "/payments", first)
        return quote

    async def _send_other(self, session: Session, body: Mapping[str, Any]) -> None:
        other = {**body, "amount": major(session.amount + 1, session.currency)}
        answer = await self._try("POST", "/payments", other, {})
        if answer is not None and answer.status in (200, 400) and "payment_id" in answer.json():
            key = f"pay {session.number}"
            if self.asked[key].answers:
                raise BrokenPromise(
                    "another request under a used key was paid", f"p{session.number}"
                )

    async def _go_on(self, session: Session, paid: Mapping[str, Any]) -> None:
        path = f"/payments/p{session.number}"
        if paid.get("status") == "REVIEW":
            act = "approve" if session.approve else "refuse"
            paid = await self._ask(f"{act} {session.number}", f"{path}/{act}", {}) or paid
        elif paid.get("status") == "AUTHORIZED":
            paid = await self._end_hold(session, path) or paid
        if paid.get("status") != "CAPTURED":
            return
        captured = Decimal(paid["captured_amount"])
        whole = int(captured.scaleb(DECIMALS[session.currency]))
        parts = [whole * share // 100 for share in session.refunds]
        if session.rivals:
            refunds = (self._refund(session, path, *part) for part in enumerate(parts))
            await asyncio.gather(*refunds)
            return
        for part in enumerate(parts):
            await self._refund(session, path, *part)
            await asyncio.sleep(session.pause / 4)

    async def _refund(self, session: Session, path: str, number: int, amount: int) -> None:
        if amount:
            name = f"refund {session.number} {number}"
            body = {"amount": major(amount, session.currency)}
            await self._ask(name, f"{path}/refunds", body, key=name.replace(" ", "-"))

    async def _end_hold(self, session: Session, path: str) -> Any:
        number = session.number
        if session.rivals:
            acts = ("capture", "void")
            racing = (self._ask(f"{act} {number}", f"{path}/{act}", {}) for act in acts)
            return next((told for told in await asyncio.gather(*racing) if told), None)
        match session.ending:
            case Ending.CAPTURE:
                return await self._ask(f"capture {number}", f"{path}/capture", {})
            case Ending.PART:
                part = {"amount": major(max(1, session.amount // 3), session.currency)}
                return await self._ask(f"capture {number}", f"{path}/capture", part)
            case Ending.VOID:
                return await self._ask(f"void {number}", f"{path}/void", {})
        return None

    async def _ask(self, name: str, path: str, body: Any, *, key: str = "") -> Any:
        """Return the final answer's JSON, None when patience ended first."""
        asked = self.asked.setdefault(name, Asked(path, body, key))
        ends = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
        pause = _AGAIN_SECONDS
        while asyncio.get_running_loop().time() < ends:
            asked.sent += 1
            answer = await self._try("POST", path, body, asked.headers())
            if answer is not None and not _is_open(answer):
                return self._remember(name, asked, answer)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_AGAIN_SECONDS)
        return None

    def _remember(self, name: str, asked: Asked, answer: Response) -> Any:
        told = (answer.status, answer.body)
        final = answer.status == 200 or (answer.status == 400 and b'"FAILED"' in answer.body)
        if final:
            if asked.answers and asked.answers[0] != told:
                raise BrokenPromise(
                    "an answer once given is given again, byte for byte",
                    f"{name}: first {asked.answers[0]}, now {told}",
                )
            asked.answers.append(told)
        content = answer.json()
        self.tell(f"{name}: {answer.status} {content.get('status', content.get('code'))}")
        return content

    async def _try(
        self, method: str, path: str, body: Any, headers: Mapping[str, str]
    ) -> Response | None:
        self.requests += 1
        try:
            return await self.network.send(self._request(method, path, body, headers))
        except TransportError:
            return None

    def _request(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> Request:
        request = Request(method, GATEWAY + path, timeout=_REQUEST_SECONDS, target="gateway")
        request.headers["authorization"] = f"Bearer {self.key}"
        for name, value in headers.items():
            request.headers[name] = value
        if body is not None:
            request.body = json.dumps(body).encode()
            request.headers["content-type"] = "application/json"
        return request


def _account(name: str) -> dict[str, Any]:
    account: dict[str, Any] = {"account_id": name}
    settles = ACCOUNTS[name]
    if settles is not None:
        account["settlement_currency"] = settles
    account["overdrafts"] = [
        {"currency": currency, "amount": major(minor, currency)}
        for currency, minor in OVERDRAFTS.get(name, {}).items()
    ]
    return account


def _is_open(answer: Response) -> bool:
    """Whether the same request is to be sent again."""
    if answer.status in _NOT_YET:
        return True
    return answer.status == 409 and answer.json().get("code") == "operation_in_progress"

"""A wave: what is asked for together goes together, and each alone has its own end."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.payments.harness import BODY, gateway_that_knows_accounts

from kurs.calls import Deadline, current_deadline
from kurs.kernel.batching import DeadlineExceeded, settled
from kurs.kernel.caller import Caller
from kurs.telemetry import Trace
from kurs_testing.asgi import FaultKind
from kurs_testing.joined import FX, RISK, WALLET, JoinedGateway
from kurs_testing.parts import part
from payments.domain.moves import Kind
from payments.errors import KeyReused, OperationInProgress, PaymentIdTaken
from payments.flow.orders import Reply
from payments.flow.steps import Steps
from payments.paying import Asked, Paying
from payments.schemas import PaymentRequest
from payments.service import PaymentService

OVERRIDES = {"payments": {"sweep_seconds": 3600.0, "payment_seconds": 2.0}}
CALLER = Caller("demo", "key")
DONE, OPEN = 200, 202


@pytest.fixture
async def gateway(tmp_path: Path, database_url: str) -> AsyncIterator[JoinedGateway]:
    async with gateway_that_knows_accounts(database_url, tmp_path, OVERRIDES) as joined:
        yield joined


def asked(
    gateway: JoinedGateway, name: str, *, key: str = "", caller: Caller = CALLER, **changes: Any
) -> Asked:
    paying = part(gateway.apps["payments"], Paying)
    request = PaymentRequest.model_validate({**BODY, "payment_id": name, **changes})
    return Asked(caller, request, key, name, paying.deadline(), Trace.here())


async def pay(gateway: JoinedGateway, name: str, **changes: Any) -> Reply:
    """Make a payment; those that begin in one turn are one wave."""
    paying = part(gateway.apps["payments"], Paying)
    (reply,) = await settled(await paying.pay((asked(gateway, name, **changes),)))
    if isinstance(reply, Exception):
        raise reply
    return reply


async def together(*work: Any) -> list[Any]:
    return await asyncio.gather(*work, return_exceptions=True)


def statuses(replies: list[Any]) -> list[Any]:
    return [r.answer.status if isinstance(r, Reply) else type(r) for r in replies]


def count(gateway: JoinedGateway, path: str) -> int:
    return sum(request.url.endswith(path) for request in gateway.transport.requests)


def to(path: str) -> Any:
    return lambda request: request.url.endswith(path)


async def test_a_wave_asks_each_service_once(gateway: JoinedGateway) -> None:
    names = [f"p{n}" for n in range(6)]
    half = [{"destination_account": "indonesia"}, {}]
    replies = await together(*(pay(gateway, n, **half[i % 2]) for i, n in enumerate(names)))

    assert statuses(replies) == [DONE] * 6
    assert [r.payment_id for r in replies] == names
    for path in ("/score/batch", "/quotes/batch", "/transfers/batch"):
        assert count(gateway, path) == 1, path


async def test_operations_of_all_kinds_are_one_wave(gateway: JoinedGateway) -> None:
    held = await together(*(pay(gateway, f"h{n}", capture="manual") for n in range(2)))
    assert statuses(held) == [DONE] * 2
    gateway.transport.requests.clear()
    act = part(gateway.apps["payments"], PaymentService).act

    replies = await together(
        pay(gateway, "p"),
        act(Kind.CAPTURE, CALLER, "h0", amount=400),
        act(Kind.VOID, CALLER, "h1"),
        act(Kind.REFUND, CALLER, "to-bob", amount=300, key="r"),
        act(Kind.CAPTURE, CALLER, "nobody's"),
    )

    assert statuses(replies[:4]) == [DONE] * 4
    assert replies[4].code == "payment_not_found"
    assert count(gateway, "/transfers/batch") == 1
    assert set((await gateway.sums()).values()) <= {"0", "0.00", "0.000"}


@pytest.mark.parametrize(
    ("base", "path", "slow"),
    [
        (FX, "/quotes/batch", {"destination_account": "indonesia"}),
        (WALLET, "/accounts/lookup", {"destination_account": "unheard-of"}),
    ],
    ids=["rate", "account"],
)
async def test_one_that_waits_for_a_service_holds_no_other(
    gateway: JoinedGateway, base: str, path: str, slow: dict[str, Any]
) -> None:
    gateway.transport.inject(base, FaultKind.HANG, matches=to(path))
    waits = asyncio.create_task(pay(gateway, "slow", **slow))
    others = await together(*(pay(gateway, f"p{n}") for n in range(3)))

    assert statuses(others) == [DONE] * 3
    assert not waits.done()
    (slow_one,) = await asyncio.gather(waits, return_exceptions=True)
    # Where it needs an account first, its time may be over before anything is begun.
    assert isinstance(slow_one, DeadlineExceeded) or slow_one.answer.status == OPEN


async def test_a_wave_that_hangs_holds_the_next_one_up_for_a_while_only(
    gateway: JoinedGateway,
) -> None:
    gateway.transport.inject(WALLET, FaultKind.HANG, times=1, matches=to("/transfers/batch"))
    first = [asyncio.create_task(pay(gateway, f"first{n}")) for n in range(3)]
    await asyncio.sleep(0.05)
    second = await together(*(pay(gateway, f"second{n}") for n in range(3)))

    assert statuses(second) == [DONE] * 3
    assert not any(task.done() for task in first)
    assert statuses(await together(*first)) == [OPEN] * 3


async def test_one_that_fails_by_a_fault_fails_alone(
    gateway: JoinedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = part(gateway.apps["payments"], Steps)
    take = steps.take

    def broken(started: Any, assessed: Any) -> Any:
        if started.payment.payment_id == "p1":
            raise TypeError("a fault of the program")
        return take(started, assessed)

    monkeypatch.setattr(steps, "take", broken)
    replies = await together(*(pay(gateway, f"p{n}") for n in range(3)))

    assert statuses(replies) == [DONE, TypeError, DONE]


async def test_what_the_ledger_refuses_or_does_not_read_is_refused_alone(
    gateway: JoinedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = part(gateway.apps["payments"], Steps)
    take = steps.take

    def unreadable(started: Any, assessed: Any) -> Any:
        step = take(started, assessed)
        if started.payment.payment_id == "unread":
            return step._replace(item={**step.item, "unheard": "of"})
        return step

    monkeypatch.setattr(steps, "take", unreadable)
    replies = await together(
        pay(gateway, "p"), pay(gateway, "poor", amount="99.00"), pay(gateway, "unread")
    )

    assert statuses(replies) == [DONE, 400, OPEN]


async def test_repeats_within_a_wave_are_done_once(gateway: JoinedGateway) -> None:
    replies = await together(
        pay(gateway, "p", key="k"),
        pay(gateway, "p", key="k"),
        pay(gateway, "other", key="k"),
        pay(gateway, "p", key="another"),
        pay(gateway, "q"),
    )

    assert statuses(replies) == [DONE, OperationInProgress, KeyReused, PaymentIdTaken, DONE]
    again = await together(pay(gateway, "p", key="k"), pay(gateway, "q"))
    assert [reply.replayed for reply in again] == [True, True]
    assert again[0].answer == replies[0].answer


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    token = current_deadline.set(Deadline.after(seconds))
    try:
        yield
    finally:
        current_deadline.reset(token)


async def test_one_whose_time_is_over_before_its_wave_is_not_begun(
    gateway: JoinedGateway,
) -> None:
    with deadline(-1):
        late = asyncio.create_task(pay(gateway, "late"))
    replies = await together(late, pay(gateway, "p"))

    assert statuses(replies) == [DeadlineExceeded, DONE]
    assert (await gateway.call("GET", "/payments/late")).status == 404
    assert statuses([await pay(gateway, "late")]) == [DONE]


async def test_one_whose_time_ends_on_the_way_is_open_and_the_others_are_not(
    gateway: JoinedGateway,
) -> None:
    gateway.transport.inject(RISK, FaultKind.DELAY, seconds=0.4, matches=to("/score/batch"))
    with deadline(0.2):
        late = asyncio.create_task(pay(gateway, "late"))
    replies = await together(late, pay(gateway, "p"))

    assert statuses(replies) == [OPEN, DONE]


async def test_each_is_in_its_own_trace_all_along(gateway: JoinedGateway) -> None:
    # The second one is sampled, as it comes from outside.
    sampled = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    body = {**BODY, "payment_id": "p"}
    assert (await gateway.call("POST", "/payments", body, headers=sampled)).status == DONE
    spans = {
        span.name
        for service in ("payments", "risk", "wallet")
        for span in gateway.telemetry[service].spans()  # type: ignore[attr-defined]
        if span.context.trace_id == int("a" * 32, 16)
    }
    assert {"payments claim", "payments finish", "risk score", "wallet transfer"} <= spans

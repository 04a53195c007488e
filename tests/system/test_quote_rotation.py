"""The keys of quotes are rotated under load, and no payment fails of it."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kurs.quotes.keys import new_key_pair
from kurs_testing.joined import JoinedGateway

# Files are looked at once a second.
SEEN = 1.3


async def test_verifiers_first_then_the_signer_and_no_payment_fails(
    gateway: JoinedGateway, payment: Callable[..., dict[str, Any]]
) -> None:
    await gateway.open_and_fund("alice", USD="50000.00")
    await gateway.open_and_fund("ibu", settlement_currency="IDR")
    signing = gateway.folder / "quote-signing-keys.pem"
    verify = gateway.folder / "quote-verify-keys.pem"
    private, public = new_key_pair()
    rotated = asyncio.Event()
    outcomes: list[str] = []

    async def payer(name: str) -> None:
        made = 0
        while not rotated.is_set():
            made += 1
            body = payment(f"{name}-{made}", amount="0.10", destination_account="ibu")
            answer = await gateway.call("POST", "/payments", body)
            outcomes.append(answer.json()["status"])

    async def rotate() -> None:
        try:
            for file, text in (
                (verify, verify.read_text() + public),
                (signing, private),
                (verify, public),
            ):
                put(file, text)
                await asyncio.sleep(SEEN)
        finally:
            rotated.set()

    await asyncio.gather(rotate(), *(payer(f"p{i}") for i in range(8)))

    assert len(outcomes) > 8
    assert set(outcomes) == {"CAPTURED"}
    assert gateway.transport.errors == []


def put(file: Path, text: str) -> None:
    new = file.with_suffix(".new")
    new.write_text(text)
    new.rename(file)

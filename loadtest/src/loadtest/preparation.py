"""Opens and funds the accounts of a payment file, in bulk and repeatably.

Accounts are opened 500 a request. Each payer gets, per currency, exactly what its rows pay in
total, so that funded payments succeed in any order. The deposit's id holds what it is for: the
same file again, in the same run, deposits nothing twice.
"""

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from kurs.kernel.money import format_amount, parse_amount
from loadtest.catalogue import MISSING, POOR, settlement_currency
from loadtest.client import GatewayClient
from loadtest.rows import Row

ACCOUNTS_A_REQUEST = 500
_ID_LENGTH = 64
_Item = TypeVar("_Item")
Funds = dict[tuple[str, str], int]


def accounts_of(rows: Iterable[Row]) -> list[dict[str, str]]:
    """Return the body of each account to open; the ones named ACC_MISSING_ are left out."""
    names = {name for row in rows for name in (row.source_account, row.destination_account)}
    return [_account(name) for name in sorted(names) if not name.startswith(MISSING)]


def funds_of(rows: Iterable[Row]) -> Funds:
    """Return the minor units that each payer needs, by account and currency."""
    funds: Funds = defaultdict(int)
    for row in rows:
        if not row.source_account.startswith((MISSING, POOR)):
            key = (row.source_account, row.currency)
            funds[key] += parse_amount(row.amount, row.currency)
    return dict(funds)


@dataclass(frozen=True, slots=True)
class Funding:
    """What the deposits are for: paying all rows `times` times, in the run of that name."""

    run: str = ""
    times: int = 1


ONCE = Funding()


async def prepare(
    client: GatewayClient,
    rows: Sequence[Row],
    funding: Funding = ONCE,
    *,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> None:
    """Open every account in `rows` and fund every payer.

    Raises GatewayError when the gateway refuses; `on_progress` gets requests done and in total.
    """
    chunks = list(_chunks(accounts_of(rows), ACCOUNTS_A_REQUEST))
    funds = funds_of(rows)
    done, total = 0, len(chunks) + len(funds)

    async def post(path: str, body: object) -> None:
        nonlocal done
        await client.post(path, body)
        done += 1
        on_progress(done, total)

    for chunk in chunks:
        await post("/accounts", chunk)
    await asyncio.gather(
        *(
            post("/deposits", _deposit(funding, account, currency, minor))
            for (account, currency), minor in sorted(funds.items())
        )
    )


def _account(name: str) -> dict[str, str]:
    currency = settlement_currency(name)
    return {"account_id": name} | ({"settlement_currency": currency} if currency else {})


def _deposit(funding: Funding, account: str, currency: str, once: int) -> dict[str, str]:
    minor = once * funding.times
    purpose = f"FUND-{funding.run}-{account}-{currency}-{minor}"
    if len(purpose) > _ID_LENGTH:
        purpose = f"FUND-{hashlib.sha256(purpose.encode()).hexdigest()[:40]}"
    return {
        "deposit_id": purpose,
        "account_id": account,
        "currency": currency,
        "amount": format_amount(minor, currency),
    }


def _chunks(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]

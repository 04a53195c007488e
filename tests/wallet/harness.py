"""A wallet app in process, the bodies of its requests, and a look into its database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import Connection, text
from tests.signing import EdgeAuth
from tests.wallet import quotes

from kurs.data.database import Database
from kurs.telemetry import Telemetry
from kurs_testing.clock import ManualClock
from kurs_testing.telemetry import RecordingTelemetry
from wallet.app import create_app
from wallet.settings import WalletSettings
from wallet.verification import verify

MERCHANT = "demo"
SERVICE_ROLE = "wallet_service"
"""The role of the wallet on PostgreSQL; `owners` gives the URL of the role that migrates."""
TABLES = ("accounts", "balances", "transfers", "postings", "holds")


class WalletApp:
    """Calls the routes of one wallet as a merchant, and as a service."""

    def __init__(self, url: str, app: FastAPI, clock: ManualClock, telemetry: Telemetry) -> None:
        self.url = url
        self.clock = clock
        self.telemetry = telemetry
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app, raise_app_exceptions=False),
            base_url="http://wallet",
            auth=EdgeAuth("wallet", clock),
        )

    async def get(self, path: str, *, merchant: str = MERCHANT, roles: str = "read") -> Any:
        return await self.client.get(path, headers=caller(merchant, roles))

    async def post(
        self, path: str, body: Any, *, merchant: str = MERCHANT, roles: str = "pay,treasury"
    ) -> Any:
        return await self.client.post(path, json=body, headers=caller(merchant, roles))

    async def open(self, *account_ids: str, merchant: str = MERCHANT) -> None:
        body = [{"account_id": account_id} for account_id in account_ids]
        response = await self.post("/accounts", body, merchant=merchant)
        assert response.status_code == 200, response.text

    async def deposit(
        self, account_id: str, amount: str, currency: str = "USD", *, merchant: str = MERCHANT
    ) -> None:
        body = deposit(f"{account_id}-{currency}-{amount}", account_id, amount, currency)
        response = await self.post("/deposits", body, merchant=merchant)
        assert response.status_code == 200, response.text

    async def transfer(self, *items: dict[str, Any]) -> list[dict[str, Any]]:
        """Send items as payments does: each account with its merchant, the item's by default."""
        body = {"items": [qualify(item) for item in items]}
        response = await self.client.post("/transfers/batch", json=body)
        assert response.status_code == 200, response.text
        results: list[dict[str, Any]] = response.json()["results"]
        return results

    async def total(self, account_id: str, currency: str = "USD") -> str:
        return (await self.line(account_id, currency))["total"]

    async def line(self, account_id: str, currency: str = "USD") -> dict[str, str]:
        response = await self.get(f"/balance/{account_id}", roles="read,audit")
        lines = [b for b in response.json()["balances"] if b["currency"] == currency]
        return lines[0] if lines else {"available": "0.00", "held": "0.00", "total": "0.00"}

    async def nothing_held(self, account_id: str) -> None:
        """Wait until the background work has released what the account held."""
        async with asyncio.timeout(60):
            while (await self.line(account_id))["held"] != "0.00":  # noqa: ASYNC110 - it polls
                await asyncio.sleep(0.01)

    async def metric(self, name: str) -> float:
        """Return the value of a series, named as `/metrics` shows it."""
        lines = (await self.client.get("/metrics")).text.splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name + " "))


def qualify(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item with every customer's account as `merchant/name`."""

    def whole(leg: dict[str, Any]) -> dict[str, Any]:
        account = leg["account_id"]
        known = ":" in account or "/" in account
        return {**leg, "account_id": account if known else f"{item['merchant']}/{account}"}

    if "account_id" in item:
        return whole(item)
    if "postings" in item:
        return {**item, "postings": [whole(leg) for leg in item["postings"]]}
    return item


@asynccontextmanager
async def wallet_app(
    url: str,
    *,
    clock: ManualClock | None = None,
    instance: str = "wallet-0",
    interval: float = 3600,
    **settings: Any,
) -> AsyncIterator[WalletApp]:
    """Run a wallet on the ledger at `url`.

    Its background work runs once at the start, then every `interval` seconds. `settings` are more.
    """
    clock = clock or ManualClock()
    telemetry = RecordingTelemetry("wallet")
    told = WalletSettings(
        database_url=url,
        instance=instance,
        quote_verify_keys_file=quotes.VERIFY_KEYS,
        hold_expiry_seconds=interval,
        audit_seconds=interval,
        **settings,
    )
    app = create_app(told, clock=clock, telemetry=telemetry)
    async with app.router.lifespan_context(app):
        wallet = WalletApp(url, app, clock, telemetry)
        async with wallet.client:
            yield wallet


def caller(merchant: str, roles: str) -> dict[str, str]:
    return {"x-kurs-merchant": merchant, "x-kurs-key-id": "k1", "x-kurs-roles": roles}


def deposit(deposit_id: str, account_id: str, amount: str, currency: str = "USD") -> dict[str, str]:
    return {
        "deposit_id": deposit_id, "account_id": account_id, "currency": currency, "amount": amount,
    }  # fmt: skip


def leg(account_id: str, amount: int, currency: str = "USD") -> dict[str, Any]:
    return {"account_id": account_id, "currency": currency, "amount_minor": amount}


def post(transfer_id: str, *legs: dict[str, Any], **more: Any) -> dict[str, Any]:
    return _item("post", transfer_id, postings=list(legs), **more)


def pay(transfer_id: str, source: str, to: str, amount: int, **more: Any) -> dict[str, Any]:
    return post(transfer_id, leg(source, -amount), leg(to, amount), **more)


def fx(transfer_id: str, source: str, to: str, usd: int, **more: Any) -> dict[str, Any]:
    """Pay `usd` cents as 16,000 times as much IDR less 0.5 %, by a quote, as five postings."""
    gross = usd * 16_000
    spread = gross // 200
    legs = (
        leg(source, -usd),
        leg("house:liquidity", usd),
        leg("house:liquidity", -gross, "IDR"),
        leg(to, gross - spread, "IDR"),
        leg("house:fx-revenue", spread, "IDR"),
    )
    more = {"quote_id": f"fxq_{transfer_id}", **more}
    signed = quotes.quote(more["quote_id"], more.get("merchant", MERCHANT), usd, gross - spread)
    return post(transfer_id, *legs, **{"quote": quotes.sign(signed), **more})


def fx_back(
    transfer_id: str, original: dict[str, Any], usd: int, before: int, **more: Any
) -> dict[str, Any]:
    """Give `usd` cents of an `fx` back at its rate, after `before` cents were given back."""
    paid, _, gross, received, _ = (leg["amount_minor"] for leg in original["postings"])
    payer, receiver = (original["postings"][i]["account_id"] for i in (0, 3))
    mid = gross * (before + usd) // paid - gross * before // paid
    # Rounded up: the receiver never gives less than arrived for it.
    given = -(received * (before + usd) // paid) + received * before // paid
    legs = (
        leg(payer, usd),
        leg("house:liquidity", -usd),
        leg("house:liquidity", mid, "IDR"),
        leg(receiver, -given, "IDR"),
        leg("house:fx-revenue", given - mid, "IDR"),
    )
    more = {"merchant": original["merchant"], "reverses": original["transfer_id"], **more}
    return post(transfer_id, *legs, **more)


def hold(
    transfer_id: str, account_id: str, amount: int, clock: ManualClock, **more: Any
) -> dict[str, Any]:
    """Hold cents for ten minutes."""
    expires_at = clock.now() + 600_000_000
    terms = {"currency": "USD", "amount_minor": amount, "expires_at": expires_at}
    return _item("hold", transfer_id, **{"account_id": account_id, **terms, **more})


def capture(
    transfer_id: str, hold_id: str, source: str, to: str, amount: int, **more: Any
) -> dict[str, Any]:
    legs = [leg(source, -amount), leg(to, amount)]
    return _item("capture", transfer_id, **{"hold_id": hold_id, "postings": legs, **more})


def void(transfer_id: str, hold_id: str, **more: Any) -> dict[str, Any]:
    return _item("void", transfer_id, hold_id=hold_id, **more)


def cancel(transfer_id: str, **more: Any) -> dict[str, Any]:
    return _item("cancel", transfer_id, **more)


def _item(kind: str, transfer_id: str, **more: Any) -> dict[str, Any]:
    merchant = more.get("merchant", MERCHANT)
    operation = _OPERATION.get(kind, kind)
    if "reverses" in more:
        operation = "refund"
    for name in ("hold_id", "reverses"):
        if more.get(name):
            more[name] = named(more[name], merchant=merchant)
    transfer_id = named(transfer_id, operation, merchant)
    return {"transfer_id": transfer_id, "kind": kind, "merchant": merchant, **more}


_OPERATION = {"post": "pay", "hold": "pay", "cancel": "pay"}


def named(name: str, operation: str = "pay", merchant: str = MERCHANT) -> str:
    """Return the id of a transfer as payments makes it, of the name of its payment."""
    return name if ":" in name else f"{operation}:{merchant}:{name}"


_OLD = text(
    "INSERT INTO accounts (account_id, merchant, kind, settlement_currency, overdrafts, opened_at)"
    " VALUES (:account_id, :merchant, 'customer', NULL, '{}', 1)"
)


async def open_as_before(url: str, *accounts: tuple[str, str]) -> None:
    """Open accounts as the release before did: under the bare id, without any other column."""
    database = Database.open(url)
    rows = [{"account_id": account, "merchant": merchant} for account, merchant in accounts]
    try:
        await database.write(lambda c: c.execute(_OLD, rows))
    finally:
        await database.close()


def owners(url: str) -> str:
    """Return the URL of the owner of the tables at `url`; SQLite has no roles."""
    return url.replace(f"{SERVICE_ROLE}@", "postgres@")


async def tamper(url: str, *statements: str) -> None:
    """Do what only the owner of the tables can, past their triggers."""

    def work(connection: Connection) -> None:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        else:
            triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
            for (name,) in connection.execute(text(triggers)).all():
                connection.execute(text(f"DROP TRIGGER {name}"))
        for statement in statements:
            connection.exec_driver_sql(statement)

    database = Database.open(owners(url))
    try:
        await database.write(work)
    finally:
        await database.close()


async def count_rows(url: str) -> dict[str, int]:
    """Return the number of rows of each table, by a connection of its own."""

    def count(connection: Connection) -> dict[str, int]:
        return {
            table: connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
            for table in TABLES
        }

    database = Database.open(url)
    try:
        return await database.read(count)
    finally:
        await database.close()


async def broken_invariants(url: str) -> list[str]:
    """Return what does not hold of the whole ledger at `url`; an empty list is what must be."""
    database = Database.open(url)
    try:
        report = await verify(database, {})
        return [*await database.read(find_broken), *map(str, report.findings)]
    finally:
        await database.close()


def find_broken(connection: Connection) -> list[str]:
    """Run the checks that hold after every committed transaction."""
    checks = {
        "a currency does not sum to zero": """
            SELECT currency, sum(amount) FROM postings GROUP BY currency HAVING sum(amount) <> 0""",
        "a balance is not the sum of its postings": """
            SELECT account_id, currency, sum(amount) FROM (
                SELECT account_id, currency, posted AS amount FROM balances
                UNION ALL SELECT account_id, currency, -amount FROM postings) AS both_sides
            GROUP BY account_id, currency HAVING sum(amount) <> 0""",
        "a customer is below the limit": """
            SELECT account_id, currency FROM balances WHERE posted - held < -overdraft""",
        "held is not the sum of open holds": """
            SELECT account_id, currency, sum(amount) FROM (
                SELECT account_id, currency, held AS amount FROM balances
                UNION ALL SELECT account_id, currency, -amount FROM holds
                WHERE state = 'held') AS both_sides
            GROUP BY account_id, currency HAVING sum(amount) <> 0""",
        "a transfer is in part": """
            SELECT transfer_id, currency FROM postings
            GROUP BY transfer_id, currency HAVING sum(amount) <> 0""",
        "a posting has no applied transfer": """
            SELECT p.transfer_id FROM postings p LEFT JOIN transfers t USING (transfer_id)
            WHERE t.status IS NULL OR t.status <> 'applied'""",
    }  # fmt: skip
    return [
        f"{name}: {tuple(row)}"
        for name, query in checks.items()
        for row in connection.execute(text(query))
    ]

"""A gateway made of plain dictionaries, for states that the real one only reaches by accident.

It speaks the public API as far as the console uses it, and has switches for what is hard to
produce on the real stack: lost answers, cut streams, stale rates, a ledger out of balance, texts
that try to become markup.
"""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.browser.fake_figures import FakeFigures
from tests.browser.fake_webhooks import FakeWebhooks

from kurs.kernel.roles import ROLES

KEY = "kurs_test_fake_key"
MIDS = {
    "USD": "1.0842", "IDR": "17618.35", "JPY": "163.71", "GBP": "0.85542", "BHD": "0.40865",
    "SGD": "1.4512", "CHF": "0.9413", "SEK": "11.3215",
}  # fmt: skip
EXPONENTS = {"JPY": 0, "BHD": 3}


class FakeGateway:
    """The state behind the fake routes; `lose`, `cut` and the like are the switches."""

    def __init__(self) -> None:
        self.payments: dict[str, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []
        self.requests: list[tuple[str, str, dict[str, str], Any]] = []
        self.by_key: dict[str, str] = {}
        self.webhooks = FakeWebhooks()
        self.figures = FakeFigures()
        self.accounts = {"alice": {"USD": "900.00", "JPY": "12000"}, "bob": {"IDR": "5000.00"}}
        self.sums: dict[str, str] = {"USD": "0.00", "IDR": "0.00", "JPY": "0", "BHD": "0.000"}
        self.stale: set[str] = set()
        self.roles = set(ROLES)
        self.settles: dict[str, str] = {"alice": "USD"}
        self.lost_answers = 0
        self.silent: list[str] = []
        self.frozen: set[str] = set()
        self.broken: dict[str, str] = {}
        self.quote_seconds = 30.0
        self.hold_seconds = 840.0
        self.event_age = 0.0
        self.revoked = False
        self.grafana_url: str | None = None
        self.outcome = "CAPTURED"
        self.failure: dict[str, str] | None = None
        self.stream_starts: list[str | None] = []
        self._numbers = itertools.count(1)
        self._changed = asyncio.Event()
        self._cut = asyncio.Event()
        self._drift = 0

    def cut(self) -> None:
        """End every open stream as a lost connection would."""
        self._cut.set()
        self._cut = asyncio.Event()

    def pay(self, body: dict[str, Any], key: str) -> dict[str, Any]:
        """Make a payment once per key, and publish it."""
        if key in self.by_key:
            return self.payments[self.by_key[key]]
        payment = self.payment(body)
        self.by_key[key] = payment["payment_id"]
        self.publish(payment, None, "RECEIVED")
        self.publish(payment, "RECEIVED", payment["status"])
        return payment

    def payment(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return a payment in the public shape for a request body."""
        number = next(self._numbers)
        currency = body["currency"]
        other = body.get("destination_currency") or currency
        status = "AUTHORIZED" if body.get("capture") == "manual" else self.outcome
        captured = body["amount"] if status == "CAPTURED" else zero(currency)
        return {
            "payment_id": body.get("payment_id") or f"PAY-{number:06}",
            "status": status,
            "amount": body["amount"],
            "currency": currency,
            "source_account": body["source_account"],
            "destination_account": body["destination_account"],
            "destination_amount": self.convert(currency, other, body["amount"]),
            "destination_currency": other,
            "fx": self.quote(currency, other, body["amount"]) if other != currency else None,
            "risk": body.get("risk", {"decision": "approve", "score": 5, "reasons": []}),
            "failure": self.failure if status == "FAILED" else None,
            "capture": body.get("capture", "automatic"),
            "captured_amount": captured,
            "refunded_amount": zero(currency),
            "description": body.get("description"),
            "metadata": body.get("metadata", {}),
            "hold_expires_at": _now(seconds=self.hold_seconds) if status == "REVIEW" else None,
            "created_at": _now(),
            "updated_at": _now(),
            "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        }

    def publish(self, payment: dict[str, Any], before: str | None, after: str) -> None:
        """Append the event of a move; open streams send it."""
        payment["updated_at"] = _now()
        self.payments[payment["payment_id"]] = payment
        self.events.append({
            "sequence": len(self.events) + 1,
            "payment_id": payment["payment_id"],
            "from": before,
            "to": after,
            "cause": "request",
            "actor": "demo",
            "at": _now(seconds=-self.event_age),
            "payment": {**payment, "status": after},
        })  # fmt: skip
        self._changed.set()
        self._changed = asyncio.Event()

    def act(self, payment: dict[str, Any], action: str, body: dict[str, Any]) -> dict[str, Any]:
        """Capture, void, refund, approve or refuse."""
        before = payment["status"]
        after = {"capture": "CAPTURED", "void": "VOIDED", "approve": "CAPTURED", "refuse": "FAILED"}
        if action == "refunds":
            refunded = Decimal(payment["refunded_amount"]) + Decimal(body["amount"])
            payment["refunded_amount"] = str(refunded)
            whole = refunded == Decimal(payment["captured_amount"])
            payment["status"] = "REFUNDED" if whole else "PARTIALLY_REFUNDED"
        else:
            payment["status"] = after[action]
        if payment["status"] == "CAPTURED":
            payment["captured_amount"] = body.get("amount", payment["amount"])
        self.publish(payment, before, payment["status"])
        return payment

    def matching(self, wanted: Mapping[str, str]) -> list[dict[str, Any]]:
        """Return the payments that a list asks for, as far as this gateway knows filters."""
        found = [
            payment
            for payment in self.payments.values()
            if wanted.get("status", payment["status"]) == payment["status"]
            and wanted.get("currency", payment["currency"]) == payment["currency"]
            and wanted.get("account", payment["source_account"])
            in (payment["source_account"], payment["destination_account"])
            and Decimal(wanted.get("amount_min", 0)) <= Decimal(payment["amount"])
            and wanted.get("text", "") in (payment["description"] or "")
        ]
        return found if wanted.get("order") == "oldest" else found[::-1]

    def story(self, payment: dict[str, Any]) -> dict[str, Any]:
        """Return what `GET /payments/{id}/explain` tells."""
        fx, ends = payment["fx"], payment["hold_expires_at"]
        reviewed = payment["status"] == "REVIEW"
        moves = [e for e in self.events if e["payment_id"] == payment["payment_id"]]
        legs = [(payment["source_account"], "-"), (payment["destination_account"], "")]
        postings = [
            {"account_id": a, "currency": payment["currency"], "amount": f"{s}{payment['amount']}"}
            for a, s in legs
        ]
        return {
            "payment": payment,
            "waiting": {"waits_for": "approval", "reason": "a person decides", "until": ends}
            if reviewed
            else None,
            "may": [],
            "events": [{k: v for k, v in e.items() if k != "payment"} for e in moves],
            "operations": [{
                "kind": "pay", "actor": "demo/k1", "asked_at": payment["created_at"],
                "state": "done", "attempts": 1, "transfer_id": "t1",
            }],
            "refunds": [],
            "risk": {**payment["risk"], "inputs": {"amount_usd": "188.52"},
                     "config_revision": "0d9c41e7a2b85f36", "decided_at": payment["created_at"]},
            "quote": {**fx, "age_seconds": 3.2} if fx else None,
            "transfers": [{
                "transfer_id": "t1", "kind": "payment", "status": "posted",
                "at": payment["created_at"], "postings": postings,
            }],
            "trace_id": payment["trace_id"],
            "unavailable": self.silent,
        }  # fmt: skip

    def convert(self, source: str, destination: str, amount: str) -> str:
        """Return the converted amount with the destination's decimals."""
        places = Decimal(1).scaleb(-EXPONENTS.get(destination, 2))
        return str((Decimal(amount) * self.mid(source, destination)).quantize(places))

    def mid(self, source: str, destination: str) -> Decimal:
        """Return the mid rate of a pair over the euro."""
        per_euro = {"EUR": "1", **MIDS}
        return Decimal(per_euro[destination]) / Decimal(per_euro[source])

    def quote(self, source: str, destination: str, amount: str) -> dict[str, Any]:
        """Return a quote as `POST /quotes` answers it."""
        mid = self.mid(source, destination)
        return {
            "quote_id": "q-018f",
            "quote": "signed.token",
            "source_amount": amount,
            "destination_amount": self.convert(source, destination, amount),
            "mid": str(mid),
            "spread_bps": 45,
            "rate": str(mid * Decimal("0.9955")),
            "source": "ecb",
            "as_of": _now(),
            "expires_at": _now(seconds=self.quote_seconds),
            "config_revision": "5f1d8a90c3e7b246",
        }

    def rates(self) -> dict[str, Any]:
        """Return every pair against the euro; mids drift so that lines move."""
        self._drift += 1
        rates = [
            {
                "base": "EUR",
                "quote": code,
                "mid": str(Decimal(mid) * (1 + Decimal(self._drift * 37 % 11 - 5) / 20000)),
                "spread_bps": 45,
                "source": "ecb",
                "as_of": _now(),
                "age_seconds": 90000.0 if code in self.stale else 1.2,
                "stale": code in self.stale,
            }
            for code, mid in MIDS.items()
        ]
        source = {"name": "ecb", "type": "HTTP", "healthy": True, "error": None, "as_of": _now()}
        edit = {"source": source["name"], "by": "kubectl", "at": "2026-10-30T12:00:00Z"}
        return {
            "rates": rates,
            "config_revision": "5f1d8a90c3e7b246",
            "last_edit": edit,
            "sources": [source],
        }

    async def thaw(self, path: str) -> None:
        """Wait while a test has a path frozen."""
        while path in self.frozen:  # noqa: ASYNC110 (a set that tests change has no event)
            await asyncio.sleep(0.05)

    async def stream(self, last_id: str | None) -> AsyncIterator[bytes]:
        """Yield events after `last_id` (from now on without one) until the stream is cut."""
        self.stream_starts.append(last_id)
        sent = int(last_id) if last_id else len(self.events)
        cut = self._cut
        yield b": hello\n\n"
        while not cut.is_set():
            changed = self._changed
            news = self.events[sent:]
            sent += len(news)
            for event in news:
                data = json.dumps(event)
                yield f"id: {event['sequence']}\nevent: payment\ndata: {data}\n\n".encode()
            waits = [asyncio.ensure_future(each.wait()) for each in (changed, cut)]
            await asyncio.wait(waits, timeout=1, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
            await self.thaw("/payments/events")
            if not changed.is_set():
                yield b": idle\n\n"


def _now(seconds: float = 0) -> str:
    time = datetime.now(UTC) + timedelta(seconds=seconds)
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")


def zero(currency: str) -> str:
    """Return nothing in the currency's decimals."""
    return str(Decimal(0).scaleb(-EXPONENTS.get(currency, 2)))

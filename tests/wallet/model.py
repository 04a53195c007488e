"""The ledger as plain dicts and obvious code: what the state machine compares the real one with."""

from dataclasses import dataclass, field
from typing import Any

LIMITLESS = {"house:world", "house:liquidity", "house:fx-revenue"}
VOLATILE = ("context", "quote", "traceparent", "deadline_ms")
Key = tuple[str, str]


@dataclass
class Model:
    """Answers items as the ledger must; amounts in minor units, times in microseconds."""

    owners: dict[str, str] = field(default_factory=dict)
    limits: dict[Key, int] = field(default_factory=dict)
    posted: dict[Key, int] = field(default_factory=dict)
    holds: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    quotes: set[str] = field(default_factory=set)

    def answer(self, item: dict[str, Any], now: int) -> tuple[str, str | None, bool]:
        """Return status, code and whether it is a replay, and do what the item asks."""
        content = {k: v for k, v in item.items() if k not in VOLATILE}
        known = self.asked.get(item["transfer_id"])
        if known is not None:
            if known["kind"] == "cancel" and item["kind"] != "cancel":
                return "refused", "cancelled", True
            if known != content:
                return "conflict", "transfer_id_reused", True
            return *self.answers[item["transfer_id"]], True
        code = self._refusal(item, now)
        if code is None:
            self._apply(item)
        result = ("applied", None) if code is None else ("refused", code)
        self.asked[item["transfer_id"]] = content
        self.answers[item["transfer_id"]] = result
        return *result, False

    def held(self, key: Key) -> int:
        return sum(
            h["amount_minor"]
            for h in self.holds.values()
            if h["state"] == "held" and (h["account_id"], h["currency"]) == key
        )

    def available(self, key: Key) -> int:
        return self.posted.get(key, 0) - self.held(key) + self.limits.get(key, 0)

    def expire(self, now: int) -> list[str]:
        due = [i for i, h in self.holds.items() if h["state"] == "held" and h["expires_at"] <= now]
        for hold_id in due:
            self.holds[hold_id]["state"] = "expired"
        return due

    def _refusal(self, item: dict[str, Any], now: int) -> str | None:
        if item.get("quote_id") in self.quotes:
            return "quote_already_used"
        kind = item["kind"]
        if kind == "hold":
            return self._hold_refusal(item, now)
        if kind in {"capture", "void"}:
            code = self._open_refusal(item, now)
            if code is not None or kind == "void":
                return code
        return None if kind == "cancel" else self._posting_refusal(item)

    def _hold_refusal(self, item: dict[str, Any], now: int) -> str | None:
        if self.owners.get(item["account_id"]) != item["merchant"]:
            return "account_not_found"
        if item["expires_at"] <= now:
            return "hold_expired"
        short = self.available((item["account_id"], item["currency"])) < item["amount_minor"]
        return "insufficient_funds" if short else None

    def _open_refusal(self, item: dict[str, Any], now: int) -> str | None:
        hold = self.holds.get(item["hold_id"])
        if hold is None or hold["merchant"] != item["merchant"]:
            return "hold_not_found"
        if hold["state"] == "expired" or (hold["state"] == "held" and hold["expires_at"] <= now):
            return "hold_expired"
        return None if hold["state"] == "held" else "hold_closed"

    def _posting_refusal(self, item: dict[str, Any]) -> str | None:
        for leg in item["postings"]:
            account = leg["account_id"]
            if account not in LIMITLESS and account not in self.owners:
                return "account_not_found"
            debited = leg["amount_minor"] < 0 and account not in LIMITLESS
            if debited and self.owners[account] != item["merchant"]:
                return "account_not_found"
        moved = net(item)
        freed: dict[Key, int] = {}
        if item["kind"] == "capture":
            hold = self.holds[item["hold_id"]]
            key = (hold["account_id"], hold["currency"])
            if moved.get(key, 0) >= 0:
                return "capture_without_debit"
            if -moved[key] > hold["amount_minor"]:
                return "capture_exceeds_hold"
            freed = {key: hold["amount_minor"]}
        if item.get("reverses") is not None:
            if code := self._reversal_refusal(item, moved):
                return code
        elif code := self._house_refusal(item, moved):
            return code
        for key, amount in moved.items():
            free = self.available(key) + freed.get(key, 0)
            if key[0] not in LIMITLESS and amount < 0 and free + amount < 0:
                return "insufficient_funds"
        return None

    def _reversal_refusal(self, item: dict[str, Any], moved: dict[Key, int]) -> str | None:
        original = self.asked.get(item["reverses"])
        if (
            original is None
            or self.answers[item["reverses"]][0] != "applied"
            or original["merchant"] != item["merchant"]
            or not original.get("postings")
        ):
            return "original_not_found"
        left = {key: -amount for key, amount in net(original).items()}
        for other_id, other in self.asked.items():
            if other.get("reverses") == item["reverses"] and self.answers[other_id][0] == "applied":
                for key, amount in net(other).items():
                    left[key] = left.get(key, 0) - amount
        if original in self.conversions():
            return self._refund_refusal(original, moved)
        for key, amount in moved.items():
            low, high = sorted((0, left.get(key, 0)))
            if not low <= amount <= high:
                return "reversal_exceeds_original"
        return None

    def conversions(self) -> list[dict[str, Any]]:
        """Return what was paid by a quote."""
        return [
            item
            for transfer_id, item in self.asked.items()
            if len(item.get("postings", ())) == 5
            and "reverses" not in item
            and self.answers[transfer_id][0] == "applied"
        ]

    def given_back(self, original: dict[str, Any]) -> int:
        """Return how much of a conversion the payer got back, in minor units."""
        return sum(
            other["postings"][0]["amount_minor"]
            for other_id, other in self.asked.items()
            if other.get("reverses") == original["transfer_id"]
            and self.answers[other_id][0] == "applied"
        )

    def _refund_refusal(self, original: dict[str, Any], moved: dict[Key, int]) -> str | None:
        payer, _, worth, arrived, _ = original["postings"]
        paid, before = -payer["amount_minor"], self.given_back(original)
        back = moved.get((payer["account_id"], payer["currency"]), 0)
        if not 0 < back <= paid - before:
            return "reversal_exceeds_original"

        def step(whole: int) -> int:
            return whole * (before + back) // paid - whole * before // paid

        # Rounding down a negative amount takes at least what arrived for it.
        given, mid = step(-arrived["amount_minor"]), step(-worth["amount_minor"])
        wanted = {
            (payer["account_id"], "USD"): back,
            ("house:liquidity", "USD"): -back,
            ("house:liquidity", "IDR"): mid,
            (arrived["account_id"], "IDR"): given,
            ("house:fx-revenue", "IDR"): -given - mid,
        }
        same = {k: v for k, v in wanted.items() if v} == {k: v for k, v in moved.items() if v}
        return None if same else "house_debit_forbidden"

    def _house_refusal(self, item: dict[str, Any], moved: dict[Key, int]) -> str | None:
        """Every payment by a quote is made as the quote allows, so its presence decides."""
        if "quote" in item:
            return None
        debited = any(amount < 0 and key[0] in LIMITLESS for key, amount in moved.items())
        return "house_debit_forbidden" if debited else None

    def _apply(self, item: dict[str, Any]) -> None:
        if item.get("quote_id") is not None:
            self.quotes.add(item["quote_id"])
        if item["kind"] == "hold":
            self.holds[item["transfer_id"]] = {**item, "state": "held"}
        if item["kind"] in {"capture", "void"}:
            state = "captured" if item["kind"] == "capture" else "voided"
            self.holds[item["hold_id"]]["state"] = state
        for key, amount in net(item).items():
            self.posted[key] = self.posted.get(key, 0) + amount


def net(item: dict[str, Any]) -> dict[Key, int]:
    """Return the net amount per account and currency of an item's postings."""
    sums: dict[Key, int] = {}
    for leg in item.get("postings", ()):
        key = (leg["account_id"], leg["currency"])
        sums[key] = sums.get(key, 0) + leg["amount_minor"]
    return sums

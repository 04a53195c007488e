"""An oracle of its own for what is looser: two specs, as they are written, in; yes or no out."""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

Spec = Mapping[str, Any]
ANY = float("inf")
_STALE = ["Reject", "NextSource", "UseLastKnown"]
_MISSING = ["Decline", "Review", "Allow"]


def seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def rates_are_looser(before: Spec, after: Spec) -> bool:
    """Compare two specs of one source, durations in seconds."""
    return any(
        (
            after.get("maxDeviationBps", ANY) > before.get("maxDeviationBps", ANY),
            after.get("maxDeviationFromNextBps", 500) > before.get("maxDeviationFromNextBps", 500),
            _STALE.index(after["onStale"]) > _STALE.index(before["onStale"]),
            after["allowInsecure"] and not before["allowInsecure"],
            seconds(after["maxAge"]) > seconds(before["maxAge"]),
            *(_place(before).keys() - _place(after).keys()),
            *(
                age > _ages(before)[quote]
                for quote, age in _ages(after).items()
                if quote in _ages(before)
            ),
        )
    )


def _place(spec: Spec) -> dict[str, Any]:
    """Return by what rates are dated and their base is checked."""
    kept = ("asOf", "asOfPath", "basePath")
    return {k: v for k, v in (spec.get("http") or spec["static"]).items() if k in kept}


def _ages(spec: Spec) -> dict[str, int]:
    quotes = ["IDR", "SGD", "JPY"] if "defaultSpreadBps" in spec else []
    ages = dict.fromkeys(quotes, seconds(spec["maxAge"]))
    ages |= {p["quote"]: seconds(p.get("maxAge", spec["maxAge"])) for p in spec["pairs"]}
    return ages


def limits_are_looser(before: Spec, after: Spec) -> bool:
    """Compare two specs of one threshold, each of which names every list of its scope."""
    return bool(
        _narrower(before["scope"], after["scope"])
        or any(
            not any(_as_strict(old, new) for new in _asked(after, least))
            for least in ("Review", "Decline")
            for old in _asked(before, least)
            if old["action"] == least
        )
        or after["score"]["review"] > before["score"]["review"]
        or after["score"]["decline"] > before["score"]["decline"]
        or _young(after)[0] < _young(before)[0]
        or _young(after)[1] < _young(before)[1]
        or any(not _blocks(after, account) for account in _blocked(before))
    )


def _narrower(before: Spec, after: Spec) -> bool:
    if not after["currencies"]:
        return False
    return not before["currencies"] or bool({*before["currencies"]} - {*after["currencies"]})


def _asked(spec: Spec, least: str) -> Iterator[dict[str, Any]]:
    """Yield each bound beyond which a payment is treated at least so."""
    missing = _MISSING.index(spec["onMissingData"])
    one, open_ = spec.get("perPayment"), spec.get("exposure")
    if one:
        common = {"what": "one " + one["currency"], "window": 0, "missing": missing}
        yield {**common, "action": "Decline", "bound": one["declineAboveMinor"]}
        if least == "Review":
            yield {**common, "action": "Review", "bound": one["reviewAboveMinor"]}
    if open_:
        common = {"what": "open " + open_["currency"], "window": 0, "missing": missing}
        yield {**common, "action": "Decline", "bound": open_["maxMinor"]}
    for rule, field in product(spec["velocity"], ("maxCount", "maxAmountMinor")):
        if rule["action"] in (least, "Decline") and field in rule:
            yield {
                "what": field + rule.get("currency", "") * (field == "maxAmountMinor"),
                "window": seconds(rule["window"]),
                "action": rule["action"],
                "bound": rule[field],
                "missing": missing if field == "maxAmountMinor" else 2,
            }


def _as_strict(old: Spec, new: Spec) -> bool:
    return bool(
        old["what"] == new["what"]
        and new["window"] >= old["window"]
        and new["bound"] <= 2 * old["bound"]
        and new["missing"] <= old["missing"]
    )


def _young(spec: Spec) -> tuple[int, int]:
    rule = spec.get("newAccount")
    return (seconds(rule["maxAge"]), rule["points"]) if rule else (-1, -1)


def _blocked(spec: Spec) -> set[str]:
    return {*spec.get("blocklist", {}).get("accounts", ())}


def _blocks(spec: Spec, account: str) -> bool:
    return bool({account, account.rpartition("/")[2]} & _blocked(spec))

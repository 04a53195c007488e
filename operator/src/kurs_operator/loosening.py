"""Which way each field of a resource is looser: one table for all who judge edits. Pure.

A field that is not here makes a test fail, so that nothing can be edited that nobody judges. Where
no edit of a field loosens anything, the table says why.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class Way(StrEnum):
    """Which change of a field allows more than was approved."""

    RAISED = "raised, or gone"
    DOUBLED = "more than doubled, or gone"
    LOWERED = "lowered, or gone"
    LAXER = "further on in its own order"
    FEWER = "a part is gone"
    ANOTHER = "another one, and the approved one is gone"
    IN_FORCE = "by what it puts into force, and out of it"


_OUT_OF_USE = "what it takes out of use leaves the pair to sources that were approved for it"
_BRAKE = "a brake for an emergency, and a matter of RBAC"
_PRICE = "a price, which fx holds against the next source's and the last good one"
_ASKED = "whom or how often is asked; what is said is held to the other fields"
_TICKET = "what an approval is named in"

WAYS: Mapping[str, Way | str] = {
    "FXRateSourceSpec.type": Way.LAXER,
    "FXRateSourceSpec.baseCurrency": Way.IN_FORCE,
    "FXRateSourceSpec.static": "judged by its parts",
    "FXRateSourceSpec.http": "judged by its parts",
    "FXRateSourceSpec.simulated": "judged by its parts",
    "FXRateSourceSpec.pairs": Way.IN_FORCE,
    "FXRateSourceSpec.defaultSpreadBps": Way.IN_FORCE,
    "FXRateSourceSpec.refreshInterval": _ASKED,
    "FXRateSourceSpec.maxAge": Way.RAISED,
    "FXRateSourceSpec.maxDeviationBps": Way.RAISED,
    "FXRateSourceSpec.maxDeviationFromNextBps": Way.RAISED,
    "FXRateSourceSpec.changeTicket": _TICKET,
    "FXRateSourceSpec.onStale": Way.LAXER,
    "FXRateSourceSpec.priority": Way.IN_FORCE,
    "FXRateSourceSpec.suspend": _BRAKE,
    "FXRateSourceSpec.effectiveFrom": _OUT_OF_USE,
    "FXRateSourceSpec.effectiveUntil": _OUT_OF_USE,
    "FXRateSourceSpec.allowInsecure": Way.RAISED,
    "StaticRates.rates": _PRICE,
    "StaticRates.asOf": Way.FEWER,
    "HttpRates.url": _ASKED,
    "HttpRates.format": _ASKED,
    "HttpRates.ratesPath": _ASKED,
    "HttpRates.asOfPath": Way.FEWER,
    "HttpRates.basePath": Way.FEWER,
    "HttpRates.timeoutSeconds": _ASKED,
    "HttpRates.secretRef": _ASKED,
    "HttpRates.header": _ASKED,
    "SecretKey.name": _ASKED,
    "SecretKey.key": _ASKED,
    "SimulatedRates.rates": _PRICE,
    "SimulatedRates.seed": _PRICE,
    "SimulatedRates.volatilityBps": _PRICE,
    "SimulatedRates.stepSeconds": _PRICE,
    "Pair.quote": Way.IN_FORCE,
    "Pair.spreadBps": "what the house earns, which no rate is held against",
    "Pair.maxAge": Way.RAISED,
    "RiskThresholdSpec.mode": _BRAKE,
    "RiskThresholdSpec.scope": Way.FEWER,
    "RiskThresholdSpec.priority": Way.IN_FORCE,
    "RiskThresholdSpec.perPayment": "judged by its parts",
    "RiskThresholdSpec.velocity": Way.FEWER,
    "RiskThresholdSpec.exposure": "judged by its parts",
    "RiskThresholdSpec.newAccount": "judged by its parts",
    "RiskThresholdSpec.blocklist": "judged by its parts",
    "RiskThresholdSpec.score": "judged by its parts",
    "RiskThresholdSpec.onMissingData": Way.LAXER,
    "RiskThresholdSpec.effectiveFrom": Way.IN_FORCE,
    "RiskThresholdSpec.effectiveUntil": Way.LOWERED,
    "RiskThresholdSpec.changeTicket": _TICKET,
    "RiskThresholdSpec.suspend": _BRAKE,
    "Scope.currencies": Way.FEWER,
    "Scope.corridors": Way.FEWER,
    "Corridor.from": Way.ANOTHER,
    "Corridor.to": Way.ANOTHER,
    "PerPayment.currency": Way.ANOTHER,
    "PerPayment.reviewAboveMinor": Way.DOUBLED,
    "PerPayment.declineAboveMinor": Way.DOUBLED,
    "Velocity.name": "it is the same limit by any name",
    "Velocity.window": Way.LOWERED,
    "Velocity.maxCount": Way.DOUBLED,
    "Velocity.maxAmountMinor": Way.DOUBLED,
    "Velocity.currency": Way.ANOTHER,
    "Velocity.action": Way.LAXER,
    "Exposure.currency": Way.ANOTHER,
    "Exposure.maxMinor": Way.DOUBLED,
    "NewAccount.maxAge": Way.LOWERED,
    "NewAccount.points": Way.LOWERED,
    "Blocklist.accounts": Way.FEWER,
    "Score.review": Way.RAISED,
    "Score.decline": Way.RAISED,
}
"""By model and the field's name in YAML; a text says why an edit of it loosens nothing."""

_RANKS: Mapping[str, Mapping[str, int]] = {
    # What a person writes stands where a provider's word did.
    "FXRateSourceSpec.type": {"HTTP": 0, "Static": 1, "Simulated": 1},
    "FXRateSourceSpec.onStale": {"Reject": 0, "NextSource": 1, "UseLastKnown": 2},
    "RiskThresholdSpec.onMissingData": {"Decline": 0, "Review": 1, "Allow": 2},
    "Velocity.action": {"Decline": 0, "Review": 1},
}


def is_looser(field: str, was: Any, now: Any) -> bool:
    """Tell whether a field allows more than it did. None is a bound that is not stated.

    A field that is only there or not is compared as True and False.
    """
    way = WAYS[field]
    if way is Way.LAXER:
        return _RANKS[field][now] > _RANKS[field][was]
    if was is None or now is None:
        return was is not None
    if way is Way.FEWER or way is Way.LOWERED:
        return bool(now < was)
    return bool(now > (2 * was if way is Way.DOUBLED else was))

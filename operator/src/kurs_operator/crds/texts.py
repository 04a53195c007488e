"""What `kubectl explain` says of each field: what stands below it in its model, or here.

A test demands a text for every field of a spec.
"""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from inspect import getsource
from itertools import pairwise

from kurs.config.resources.scalars import StrictModel

KINDS: Mapping[str, str] = {
    "FXRateSource": "Where exchange rates come from, what may be quoted, and until when.",
    "RiskThreshold": "From where on a payment is reviewed or declined.",
    "EventDestination": "Where a merchant's events are sent, which of them, and what signs them.",
}

FIELDS: Mapping[str, str] = {
    "RiskThresholdSpec.mode": "Enforce decides; Shadow is evaluated and counted, and decides "
    "nothing.",
    "RiskThresholdSpec.scope": "The payments that it judges; empty, all of them.",
    "RiskThresholdSpec.priority": "Of two that state the same limit for the same scope, the "
    "higher is in force.",
    "RiskThresholdSpec.perPayment": "Bounds of one payment.",
    "RiskThresholdSpec.velocity": "Bounds of what one account pays within a sliding window.",
    "RiskThresholdSpec.exposure": "Bound of what one merchant holds open across currencies.",
    "RiskThresholdSpec.newAccount": "Points for payments from young accounts.",
    "RiskThresholdSpec.blocklist": "Accounts that neither pay nor are paid.",
    "RiskThresholdSpec.score": "From which score a payment is reviewed, and from which declined.",
    "RiskThresholdSpec.onMissingData": "Decides when a limit cannot be evaluated, for want of a "
    "rate.",
    "RiskThresholdSpec.effectiveFrom": "Comes into force at this moment, by itself.",
    "RiskThresholdSpec.effectiveUntil": "Is out of force from this moment on, by itself.",
    "RiskThresholdSpec.changeTicket": "Names the approval of the last loosening; a new one is "
    "needed to more than double a limit that declines or reviews, to count it in another currency, "
    "to remove it, and to loosen scores, points or onMissingData or to take an account from a "
    "blocklist.",
    "RiskThresholdSpec.suspend": "Takes the threshold out of use.",
    "Scope.currencies": "Currencies paid in.",
    "Scope.corridors": "Ways of money.",
    "Corridor.from": "Currency paid in.",
    "Corridor.to": "Currency received.",
    "PerPayment.currency": "Reference currency of the bounds.",
    "PerPayment.reviewAboveMinor": "Minor units above which a payment is reviewed.",
    "PerPayment.declineAboveMinor": "Minor units above which a payment is declined.",
    "Velocity.name": "Name of the rule; it stands on decisions.",
    "Velocity.window": 'Length of the sliding window, "1s" to "744h".',
    "Velocity.maxCount": "How many payments it may hold.",
    "Velocity.maxAmountMinor": "How much they may be worth, in minor units.",
    "Velocity.currency": "What maxAmountMinor counts in; perPayment.currency when absent.",
    "Velocity.action": "What happens to a payment beyond it.",
    "Exposure.currency": "What maxMinor counts in, the reference currency.",
    "Exposure.maxMinor": "A payment whose merchant would hold more than this open is declined.",
    "NewAccount.maxAge": "Accounts younger than this are new.",
    "NewAccount.points": "What is added to the score.",
    "Blocklist.accounts": "merchant/account, or a name alone: that account of every merchant.",
    "Score.review": "Score from which a payment is reviewed.",
    "Score.decline": "Score from which a payment is declined.",
    "EventDestinationSpec.merchant": "Whose events are sent.",
    "EventDestinationSpec.url": "Absolute address, without credentials. Private addresses and "
    "plain http only where the installation names the host.",
    "EventDestinationSpec.types": "Which events; empty, every type, later ones included.",
    "EventDestinationSpec.secretRef": "The Secret's key that holds a Standard Webhooks secret, "
    "whsec_ and base64; two, new,old, while one replaces the other. The Secret is mounted into the "
    "pods of webhooks; its value appears in no status and no log.",
    "EventDestinationSpec.timeout": 'Until the whole answer: "1s" to "15s".',
    "EventDestinationSpec.suspend": "Nothing is sent; events wait.",
    "EventDestinationSpec.allowInsecure": "Allows an http:// address; for tests.",
}


@cache
def field_texts() -> Mapping[str, str]:
    """Return the texts of fields, by model and the field's name in YAML."""
    found = {
        f"{model.__name__}.{model.model_fields[name].alias}": text
        for model in _models(StrictModel)
        for part in model.__mro__
        if issubclass(part, StrictModel)
        for name, text in _below_fields(part)
    }
    return {**FIELDS, **found}


def _models(base: type[StrictModel]) -> Iterator[type[StrictModel]]:
    for model in base.__subclasses__():
        yield model
        yield from _models(model)


def _below_fields(model: type[StrictModel]) -> Iterator[tuple[str, str]]:
    """Yield the fields that a model defines itself with the text below each that has one.

    From the source and only here: pydantic would read it at the start of every service.
    """
    [definition] = ast.parse(getsource(model)).body
    assert isinstance(definition, ast.ClassDef)
    for field, below in pairwise(definition.body):
        if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr):
            assert isinstance(field.target, ast.Name)
            text = ast.literal_eval(below.value)
            yield field.target.id, " ".join(text.split())

"""What the models check and JSON Schema cannot say: CEL rules, patterns and list types, by model.

A rule of a model stands at the model's place in the schema, a rule of a field at the field's.
Each has a message of its own, since the API server's default one shows the expression.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from kurs.config.resources.event_destination import MAX_TIMEOUT_SECONDS
from kurs.config.resources.fx_rate_source import MAX_DEVIATION_FROM_NEXT_BPS
from kurs.config.resources.rate_source_types import FORMATS, PARTS
from kurs.config.resources.rates_path import MAX_OPERATORS, OPERATORS
from kurs.config.resources.scalars import DURATION_PATTERN, MAX_SECONDS, MOMENT_PATTERN
from kurs.config.resources.source_url import KEY_PARAMETER, PLACEHOLDER
from kurs.kernel.accounts import PAYEE_ID_PATTERN

CURRENCY_PATTERN = "^[A-Z]{3}$"
# A name or an address with a port, and printable ASCII; no credentials, and no "#".
_LABEL = "[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?"
_HOST = rf"(({_LABEL}[.])*{_LABEL}[.]?|\[[0-9A-Fa-f:.]+\])"
URL_PATTERN = rf'^[Hh][Tt][Tt][Pp][Ss]?://{_HOST}(:[0-9]{{1,5}})?([/?][!-"$-~]*)?$'
_ENDS_IN_A_NUMBER = r"^[a-z]+://([^/?]*[.])?(0x[0-9a-f]*|[0-9]+)[.]?(:[0-9]+)?([/?].*)?$"
_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_FOUR_OCTETS = rf"^[a-z]+://({_OCTET}[.]){{3}}{_OCTET}(:[0-9]+)?([/?].*)?$"
RATES_PATH_PATTERN = f"^([^{OPERATORS}]*[{OPERATORS}]){{0,{MAX_OPERATORS}}}[^{OPERATORS}]*$"
_RESERVED = "['host', 'content-length', 'transfer-encoding', 'connection', 'te', 'upgrade']"


class Rule(NamedTuple):
    """A CEL rule; `path` names the field to blame (`.maxAge`), below the place of the rule."""

    expression: str
    message: str
    path: str = ""


WINDOW = Rule(
    "!has(self.effectiveFrom) || !has(self.effectiveUntil) || "
    "self.effectiveUntil > self.effectiveFrom",
    "effectiveUntil must be later than effectiveFrom",
    ".effectiveUntil",
)
INLINE_KEYS = Rule(f"self.all(code, code.matches('{CURRENCY_PATTERN}'))", "write currency codes")
RATE_VALUE = Rule("self.matches('[1-9]')", "a rate may not be zero")
PATH = Rule(
    f"self.matches(r'{RATES_PATH_PATTERN}')",
    f"more than {MAX_OPERATORS} of its characters are operators: select the object of rates once",
)


def _about(durations: Sequence[str], expression: str) -> str:
    """Return a rule about durations that leaves what is none to the pattern, which says it better.

    Other rules are asked all the same, and would each say that they could not be evaluated.
    """
    none = (f"!{each}.matches(r'{DURATION_PATTERN}')" for each in durations)
    return f"{' || '.join(none)} || ({expression})"


DURATION = Rule(
    _about(["self"], f"duration(self) <= duration('{MAX_SECONDS}s')"), "write at most ten years"
)
_TICKET_IS_NEW = (
    "has(self.changeTicket) && "
    "(!has(oldSelf.changeTicket) || self.changeTicket != oldSelf.changeTicket)"
)
_NEAR_THE_NEXT = (
    "!has(self.maxDeviationFromNextBps) || "
    f"self.maxDeviationFromNextBps <= {MAX_DEVIATION_FROM_NEXT_BPS}"
)
_NOT_LOOSENED = (
    "has(self.perPayment) && self.perPayment.currency == oldSelf.perPayment.currency && "
    "self.perPayment.declineAboveMinor - oldSelf.perPayment.declineAboveMinor"
    " <= oldSelf.perPayment.declineAboveMinor"
)
_EXPOSURE_STAYS = (
    "has(self.exposure) && self.exposure.currency == oldSelf.exposure.currency && "
    "self.exposure.maxMinor - oldSelf.exposure.maxMinor <= oldSelf.exposure.maxMinor"
)
_SAME_CURRENCY = (
    "(has(now.currency) ? now.currency : '') == (has(was.currency) ? was.currency : '')"
)
# A shorter window forgets sooner. Differences, since twice the largest amount fits no 64 bits.
_DECLINES_STAY = (
    "!has(oldSelf.velocity) || oldSelf.velocity.all(was, was.action != 'Decline' || "
    "(has(self.velocity) && self.velocity.exists(now, now.name == was.name && "
    "now.action == 'Decline' && "
    f"({_about(['now.window'], 'duration(now.window) >= duration(was.window)')}) && "
    "(!has(was.maxCount) || (has(now.maxCount) && now.maxCount - was.maxCount <= was.maxCount)) && "
    "(!has(was.maxAmountMinor) || (has(now.maxAmountMinor) && "
    f"now.maxAmountMinor - was.maxAmountMinor <= was.maxAmountMinor && {_SAME_CURRENCY})))))"
)


def _of_type(name: str) -> tuple[Rule, ...]:
    """Return what goes for the part of any type: it stands with its type, and its rates fit."""
    field = name.lower()
    rule = Rule(
        f"(self.type == '{name}') == has(self.{field})",
        f"spec.{field} belongs to type {name}, and type {name} needs it",
        ".type",
    )
    return (rule, *(_inline(field) if name in _INLINE else ()))


def _inline(field: str) -> tuple[Rule, Rule]:
    return (
        Rule(
            f"!has(self.{field}) || !has(self.pairs) || "
            f"self.pairs.all(pair, pair.quote in self.{field}.rates)",
            f"each pair needs a rate in spec.{field}.rates",
            ".pairs",
        ),
        Rule(
            f"!has(self.{field}) || !(self.baseCurrency in self.{field}.rates)",
            "the base currency has no rate against itself",
            f".{field}",
        ),
    )


def _against(name: str, base: str) -> Rule:
    return Rule(
        f"!has(self.http) || self.http.format != '{name}' || self.baseCurrency == '{base}'",
        f"the {name} publishes against {base}",
        ".baseCurrency",
    )


_READ_BY_PATHS = [name for name, form in FORMATS.items() if form.has_paths]
_INLINE = {name: part for name, part in PARTS.items() if "rates" in part.model_fields}
"""Those whose rates stand in the spec."""
_HOST_IS_PLAIN = Rule(
    f"!self.lowerAscii().matches(r'{_ENDS_IN_A_NUMBER}') || "
    f"self.lowerAscii().matches(r'{_FOUR_OCTETS}')",
    "the host is a number: write its name, or its address in the usual form",
)

MODEL_RULES: Mapping[str, Sequence[Rule]] = {
    "FXRateSourceSpec": (
        *(rule for name in PARTS for rule in _of_type(name)),
        Rule(
            "has(self.defaultSpreadBps) || (has(self.pairs) && size(self.pairs) > 0)",
            "no pair is served: list pairs or set defaultSpreadBps",
            ".pairs",
        ),
        Rule(
            "!has(self.pairs) || self.pairs.all(pair, pair.quote != self.baseCurrency)",
            "a pair's quote is not the base currency",
            ".pairs",
        ),
        Rule(
            _about(["self.refreshInterval"], "duration(self.refreshInterval) >= duration('1s')"),
            'write at least "1s"',
            ".refreshInterval",
        ),
        Rule(
            _about(
                ["self.maxAge", "self.refreshInterval"],
                "duration(self.maxAge) >= duration(self.refreshInterval)",
            ),
            "maxAge is shorter than refreshInterval: rates would always be stale",
            ".maxAge",
        ),
        Rule(
            _about(
                ["self.refreshInterval"],
                "!has(self.pairs) || self.pairs.all(pair, !has(pair.maxAge) || "
                + _about(["pair.maxAge"], "duration(pair.maxAge) >= duration(self.refreshInterval)")
                + ")",
            ),
            "a pair's maxAge is shorter than refreshInterval",
            ".pairs",
        ),
        Rule(
            f"{_NEAR_THE_NEXT} || has(self.changeTicket)",
            "to be more than 500 bps from the next source needs the approval's name in "
            "spec.changeTicket",
            ".maxDeviationFromNextBps",
        ),
        Rule(
            f"{_NEAR_THE_NEXT} || (has(oldSelf.maxDeviationFromNextBps) && "
            "self.maxDeviationFromNextBps <= oldSelf.maxDeviationFromNextBps) || "
            f"({_TICKET_IS_NEW})",
            "to be further from the next source needs the approval's name in a new "
            "spec.changeTicket",
            ".maxDeviationFromNextBps",
        ),
        Rule(
            "!has(self.http) || self.allowInsecure || "
            "self.http.url.lowerAscii().startsWith('https:')",
            "rates over plain http can be forged on the way: use https, or allowInsecure in a test",
            ".http.url",
        ),
        *(_against(name, form.base) for name, form in FORMATS.items() if form.base),
        WINDOW,
    ),
    "HttpRates": (
        Rule(
            f"(self.format in {_READ_BY_PATHS}) == has(self.ratesPath)",
            f"format {' or '.join(_READ_BY_PATHS)} needs ratesPath, and no other has one",
            ".format",
        ),
        Rule(
            f"self.format in {_READ_BY_PATHS} || (!has(self.asOfPath) && !has(self.basePath))",
            f"asOfPath and basePath belong to format {' or '.join(_READ_BY_PATHS)}",
            ".format",
        ),
        Rule(
            "!has(self.header) || has(self.secretRef)",
            "no secret is sent in the header: add secretRef or remove header",
            ".header",
        ),
        Rule(
            f"!self.url.contains('{PLACEHOLDER}') || has(self.secretRef)",
            "no secret is named for the placeholder: add secretRef",
            ".url",
        ),
        Rule(
            f"!self.url.contains('{PLACEHOLDER}') || !has(self.header)",
            "the secret goes into the query: remove header or the placeholder",
            ".header",
        ),
    ),
    "RiskThresholdSpec": (
        Rule(
            "!has(self.velocity) || has(self.perPayment) || self.velocity.all(rule, "
            "!has(rule.maxAmountMinor) || has(rule.currency))",
            "maxAmountMinor needs a currency: add it, or perPayment with its currency",
            ".velocity",
        ),
        WINDOW,
        Rule(
            f"!has(oldSelf.perPayment) || ({_NOT_LOOSENED}) || ({_TICKET_IS_NEW})",
            "to remove a decline limit, to change its currency, or to more than double it needs "
            "the approval's name in a new spec.changeTicket",
            ".changeTicket",
        ),
        Rule(
            f"!has(oldSelf.exposure) || ({_EXPOSURE_STAYS}) || ({_TICKET_IS_NEW})",
            "to remove the limit of exposure, to change its currency, or to more than double it "
            "needs the approval's name in a new spec.changeTicket",
            ".changeTicket",
        ),
        Rule(
            f"({_DECLINES_STAY}) || ({_TICKET_IS_NEW})",
            "to remove a velocity rule that declines, to shorten its window, to change its "
            "currency, or to more than double it needs the approval's name in a new "
            "spec.changeTicket",
            ".changeTicket",
        ),
    ),
    "EventDestinationSpec": (
        Rule(
            "self.allowInsecure || self.url.lowerAscii().startsWith('https:')",
            "everybody on the way reads what goes over plain http: use https, or allowInsecure in "
            "a test",
            ".url",
        ),
    ),
    "PerPayment": (
        Rule(
            "self.declineAboveMinor >= self.reviewAboveMinor",
            "declineAboveMinor is below reviewAboveMinor",
            ".declineAboveMinor",
        ),
    ),
    "Score": (
        Rule("self.decline >= self.review", "score.decline is below score.review", ".decline"),
    ),
    "Velocity": (
        Rule(
            "has(self.maxCount) || has(self.maxAmountMinor)",
            "it limits nothing: add maxCount or maxAmountMinor",
        ),
        Rule(
            "!has(self.currency) || has(self.maxAmountMinor)",
            "it has no amount: add maxAmountMinor or remove currency",
            ".currency",
        ),
    ),
}

FIELD_RULES: Mapping[str, Sequence[Rule]] = {
    # Rates of the old kind would stand for the new one until it answers, and pass for its own.
    "FXRateSourceSpec.type": (
        Rule(
            "self == oldSelf",
            "a source keeps its type: apply the other one under a name of its own with a higher "
            "priority, then delete this one",
        ),
    ),
    "EventDestinationSpec.url": (
        _HOST_IS_PLAIN,
        Rule("!self.contains('${')", "no secret goes into the URL: what is sent is signed"),
        Rule(
            f"!self.lowerAscii().matches('{KEY_PARAMETER}')",
            "a key stands in the query, where everybody can read it: what is sent is signed",
        ),
    ),
    "EventDestinationSpec.timeout": (
        Rule(
            _about(
                ["self"],
                "duration(self) >= duration('1s') && "
                f"duration(self) <= duration('{MAX_TIMEOUT_SECONDS}s')",
            ),
            f'write "1s" to "{MAX_TIMEOUT_SECONDS}s"',
        ),
    ),
    "HttpRates.url": (
        _HOST_IS_PLAIN,
        Rule(
            f"!self.split('?')[0].contains('{PLACEHOLDER}') && "
            f"!self.replace('{PLACEHOLDER}', '').contains('${{')",
            f"the only placeholder is {PLACEHOLDER}, and its place is the query",
        ),
        Rule(
            f"!self.replace('={PLACEHOLDER}', '').lowerAscii().matches('{KEY_PARAMETER}')",
            "a key stands in the query, where everybody can read it: write "
            f"{PLACEHOLDER} in its place, and the Secret in secretRef",
        ),
    ),
    "HttpRates.ratesPath": (PATH,),
    "HttpRates.asOfPath": (PATH,),
    "HttpRates.basePath": (PATH,),
    "HttpRates.header": (
        Rule(f"!(self.lowerAscii() in {_RESERVED})", "the HTTP client sets this header itself"),
    ),
    "Velocity.window": (
        Rule(
            _about(
                ["self"], "duration(self) >= duration('1s') && duration(self) <= duration('744h')"
            ),
            'write "1s" to "744h"',
        ),
    ),
    "Blocklist.accounts": (
        Rule(
            f"self.all(account, !account.matches('^([^/]*/)?{PAYEE_ID_PATTERN}$'))",
            "a payee id is no account's name: name the account, merchant/account",
        ),
    ),
    **{f"{part.__name__}.rates": (INLINE_KEYS,) for part in _INLINE.values()},
}

FIELD_SCHEMAS: Mapping[str, Mapping[str, Any]] = {
    "HttpRates.url": {"pattern": URL_PATTERN},
    "EventDestinationSpec.url": {"pattern": URL_PATTERN},
    "EventDestinationSpec.merchant": {"maxLength": 64},
    "FXRateSourceSpec.pairs": {
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["quote"],
    },
    "RiskThresholdSpec.velocity": {
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
    },
    "Scope.currencies": {"x-kubernetes-list-type": "set"},
    "Scope.corridors": {
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["from", "to"],
    },
}
"""What is added to the schema of a field."""

MOMENT_SCHEMA = {"pattern": MOMENT_PATTERN}
"""The server's date-time alone would take a moment without an offset."""

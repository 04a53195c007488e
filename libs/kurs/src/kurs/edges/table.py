"""The table of edges: which service calls which, for which routes, and with which role of a key.

It is data, and the only place that says so: the gateway's routes, the authorisation inside each
service, and the charts' NetworkPolicies and Secrets all follow from it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from kurs.kernel.roles import Role

GATEWAY: Final = "api-gateway"
PAYMENTS: Final = "payments"
FX: Final = "fx"
WALLET: Final = "wallet"
RISK: Final = "risk"
WEBHOOKS: Final = "webhooks"
OPERATOR: Final = "operator"

Edge = tuple[str, str]
"""Who calls, and who is called."""


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path template that an edge may use.

    With a `role`, a request must be on behalf of a key that has it.
    """

    method: str
    template: str
    role: Role | None = None


_WITH_KEY: Final = frozenset({"/deposits"})
"""Routes, beside those of payments, that do something once under an Idempotency-Key."""


@dataclass(frozen=True, slots=True)
class PublicRoute:
    """A route that the gateway offers, such as `GET /payments/{payment_id}`, and whose it is.

    `service` is the gateway itself for what it answers of its own; without a `role` any key will
    do.
    """

    method: str
    template: str
    service: str
    role: Role | None
    summary: str
    streams: bool = False

    @property
    def exports(self) -> bool:
        """Whether it answers with a whole list, which is much work."""
        return self.template.endswith(".csv")

    @property
    def takes_key(self) -> bool:
        """Whether an Idempotency-Key has a meaning, or may come without one as on any GET."""
        return self.method != "POST" or self.template in _WITH_KEY or self.service == PAYMENTS

    @property
    def takes_body(self) -> bool:
        """Whether a body is read and passed on."""
        return self.method == "POST"


def _payments() -> tuple[PublicRoute, ...]:
    def route(
        method: str, path: str, role: Role, summary: str, streams: bool = False
    ) -> PublicRoute:
        return PublicRoute(method, f"/payments{path}", PAYMENTS, role, summary, streams)

    return (
        route("POST", "", "pay", "Make a payment"),
        route("GET", "", "read", "List payments"),
        route("GET", ".csv", "read", "Export payments as CSV", streams=True),
        route("GET", "/events", "read", "Follow payments as server-sent events", streams=True),
        route("GET", "/{payment_id}", "read", "Read a payment"),
        route("POST", "/{payment_id}/capture", "pay", "Capture an authorized payment"),
        route("POST", "/{payment_id}/void", "pay", "Void an authorized payment"),
        route("POST", "/{payment_id}/refunds", "refund", "Refund a captured payment"),
        route("GET", "/{payment_id}/refunds", "read", "List the refunds of a payment"),
        route("GET", "/{payment_id}/explain", "read", "Explain a payment"),
        route("POST", "/{payment_id}/approve", "review", "Approve a payment under review"),
        route("POST", "/{payment_id}/refuse", "review", "Refuse a payment under review"),
    )


PUBLIC_ROUTES: Final[tuple[PublicRoute, ...]] = (
    *_payments(),
    PublicRoute("GET", "/events", PAYMENTS, "read", "List events, oldest first"),
    PublicRoute("GET", "/figures", PAYMENTS, "read", "Read figures"),
    PublicRoute("GET", "/rate", FX, "read", "Read the rate of a pair"),
    PublicRoute("GET", "/convert", FX, "read", "Convert an amount at the present rate"),
    PublicRoute("GET", "/rates", FX, "read", "List rates and their sources"),
    PublicRoute("POST", "/quotes", FX, "pay", "Quote a conversion and lock its rate"),
    PublicRoute("GET", "/balance/{account_id}", WALLET, "read", "Read the balances of an account"),
    PublicRoute("POST", "/accounts", WALLET, "pay", "Open one account or many"),
    PublicRoute("GET", "/accounts", WALLET, "read", "List accounts"),
    PublicRoute("GET", "/accounts/{account_id}", WALLET, "read", "Read an account"),
    PublicRoute(
        "GET", "/accounts/{account_id}/entries", WALLET, "read", "List entries of an account"
    ),
    PublicRoute(
        "GET",
        "/accounts/{account_id}/statement.csv",
        WALLET,
        "read",
        "Export a statement of an account",
        streams=True,
    ),
    PublicRoute("POST", "/deposits", WALLET, "treasury", "Deposit from the outside world"),
    PublicRoute("GET", "/ledger/trial-balance", WALLET, "audit", "Sum the ledger by currency"),
    PublicRoute("POST", "/score", RISK, "audit", "Score a payment"),
    PublicRoute("GET", "/decisions/{payment_id}", RISK, "read", "Read a stored decision"),
    PublicRoute("GET", "/thresholds", RISK, "audit", "List the risk thresholds in force"),
    PublicRoute("GET", "/event-destinations", WEBHOOKS, "read", "List where events are sent"),
    PublicRoute("GET", "/deliveries", WEBHOOKS, "read", "List deliveries of events, newest first"),
    PublicRoute(
        "POST", "/deliveries/{delivery_id}/redeliver", WEBHOOKS, "webhooks", "Send an event again"
    ),
    PublicRoute(
        "POST",
        "/event-destinations/{destination}/replay",
        WEBHOOKS,
        "webhooks",
        "Send the events after a sequence again",
    ),
    PublicRoute(
        "POST", "/event-destinations/{destination}/test", WEBHOOKS, "webhooks", "Send a test event"
    ),
    PublicRoute("GET", "/whoami", GATEWAY, None, "Read whose key this is"),
    PublicRoute("GET", "/currencies", GATEWAY, None, "List currencies and their decimals"),
)


def _from_outside(service: str) -> tuple[Route, ...]:
    routes = (r for r in PUBLIC_ROUTES if r.service == service)
    # The gateway shows one document of the whole API.
    return (*(Route(r.method, r.template, r.role) for r in routes), Route("GET", "/openapi.json"))


EDGES: Final[Mapping[Edge, tuple[Route, ...]]] = {
    **{
        (GATEWAY, service): _from_outside(service)
        for service in (PAYMENTS, FX, WALLET, RISK, WEBHOOKS)
    },
    # Of many callers at once: each item has its roles.
    (GATEWAY, PAYMENTS): (*_from_outside(PAYMENTS), Route("POST", "/payments/batch")),
    (PAYMENTS, RISK): (
        Route("POST", "/score/batch"),
        Route("POST", "/exposure/batch"),
        Route("GET", "/decisions/{payment_id}"),
    ),
    (PAYMENTS, FX): (Route("POST", "/quotes/batch"), Route("GET", "/rates")),
    (PAYMENTS, WALLET): (
        Route("POST", "/transfers/batch"),
        Route("POST", "/accounts/lookup"),
        Route("GET", "/transfers/{transfer_id}"),
        Route("GET", "/chains"),
        Route("GET", "/chains/{chain}/transfers"),
        Route("GET", "/chains/{chain}/deposits"),
    ),
    (RISK, FX): (Route("GET", "/rates"),),
    (WEBHOOKS, PAYMENTS): (Route("GET", "/events/feed"),),
    (OPERATOR, FX): (Route("GET", "/internal/config"),),
    (OPERATOR, RISK): (Route("GET", "/internal/config"),),
    (OPERATOR, WEBHOOKS): (Route("GET", "/internal/config"),),
    (OPERATOR, WALLET): (Route("GET", "/internal/head"),),
}


def edges_of(service: str) -> tuple[Edge, ...]:
    """Return the edges that a service is an end of."""
    return tuple(edge for edge in EDGES if service in edge)


class Permissions:
    """The routes of one edge, to be found by method and decoded path."""

    def __init__(self, routes: tuple[Route, ...]) -> None:
        plain = [r for r in routes if "{" not in r.template]
        self._plain = {(r.method, r.template): r for r in plain}
        self._patterns = [(r.method, _pattern(r.template), r) for r in routes if r not in plain]

    def find(self, method: str, path: str) -> Route | None:
        """Return the route, None when the edge has no such one.

        The path is the decoded one, by which the framework chooses the route, too.
        """
        found = self._plain.get((method, path))
        if found is not None:
            return found
        for known, pattern, route in self._patterns:
            if known == method and pattern.fullmatch(path):
                return route
        return None


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{[a-z_]+\}", template)
    return re.compile("[^/]+".join(re.escape(part) for part in parts))

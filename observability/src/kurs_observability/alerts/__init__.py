"""The alerts beside the burn rates: what must never be, and what needs a person soon.

Every expression is by namespace, so that two installations in one cluster are told apart.
"""

from kurs_observability.alerts.access import EDGES, KEYS
from kurs_observability.alerts.configuration import CONFIGURATION
from kurs_observability.alerts.ledger import MUST_NEVER_BE
from kurs_observability.alerts.payments import PAYMENTS
from kurs_observability.alerts.rates import RATES
from kurs_observability.alerts.services import SERVICES
from kurs_observability.alerts.webhooks import WEBHOOKS

GROUPS = {
    "kurs-must-never-be": MUST_NEVER_BE,
    "kurs-edges": EDGES,
    "kurs-payments": (*PAYMENTS, *SERVICES),
    "kurs-rates": RATES,
    "kurs-configuration": CONFIGURATION,
    "kurs-keys": KEYS,
    "kurs-webhooks": WEBHOOKS,
}

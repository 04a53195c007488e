"""Which processes and rates a world has. It imports no service: a plan is drawn before any is."""

from fractions import Fraction

REPLICAS = {"gateway": 2, "payments": 2, "fx": 1, "wallet": 2, "risk": 2}
STORES = ("payments", "wallet", "risk")
"""The services with a database."""
WEBHOOKS = {"webhooks": 2}
"""The replicas that a world with receivers has besides."""
RECEIVERS: dict[str, tuple[str, ...]] = {
    "books": (),
    "shipping": ("payment.captured", "payment.voided", "refund.succeeded", "refund.failed"),
    "treasury": ("deposit.succeeded", "payment.authorized", "payment.captured"),
}
"""Where events are sent, by the name of the destination, and the types that go there (): all."""
FOREIGN = "rival"
"""A destination of another merchant, to whom nothing ever happens."""
FIXED = {"IDR": Fraction(16_000), "JPY": Fraction(150), "BHD": Fraction(376, 1000)}
"""Units of each currency for one USD, as the resource with fixed rates says."""

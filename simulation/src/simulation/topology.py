"""Which processes and rates a world has. It imports no service: a plan is drawn before any is."""

from fractions import Fraction

REPLICAS = {"gateway": 2, "payments": 2, "fx": 1, "wallet": 2, "risk": 2}
SERVICES = tuple(REPLICAS)
STORES = ("payments", "wallet", "risk")
"""The services with a database."""
FIXED = {"IDR": Fraction(16_000), "JPY": Fraction(150), "BHD": Fraction(376, 1000)}
"""Units of each currency for one USD, as the resource with fixed rates says."""

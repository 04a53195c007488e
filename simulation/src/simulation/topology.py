"""Which processes a world has. It imports no service, so that a plan can be drawn before any is."""

REPLICAS = {"gateway": 2, "payments": 2, "fx": 1, "wallet": 2, "risk": 2}
SERVICES = tuple(REPLICAS)
STORES = ("payments", "wallet", "risk")
"""The services with a database."""

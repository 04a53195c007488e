"""Which service calls which, by design: what is not here must be refused."""

SERVICE_EDGES = frozenset(
    {
        ("api-gateway", "payments"),
        ("api-gateway", "fx"),
        ("api-gateway", "wallet"),
        ("api-gateway", "risk"),
        ("payments", "risk"),
        ("payments", "fx"),
        ("payments", "wallet"),
        ("risk", "fx"),
        ("api-gateway", "webhooks"),
        ("webhooks", "payments"),
    }
)

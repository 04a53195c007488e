"""The spans that one payment across currencies has, as `service: name`."""

PAYMENT_SPANS = {
    "api-gateway: POST /payments",
    "api-gateway: POST payments",
    "payments: POST /payments",
    "payments: payments claim",
    "payments: payments finish",
    "risk: risk score",
    "fx: fx.quote",
    "wallet: wallet transfer",
}

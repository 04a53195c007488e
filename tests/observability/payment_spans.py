"""The spans that one payment across currencies has, as `service: name`."""

_AS_ONE_OF_MANY = {"payments: payments pay"}
_ALONE = {"api-gateway: POST payments", "payments: POST /payments"}
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
BATCHED_SPANS = (PAYMENT_SPANS - _ALONE) | _AS_ONE_OF_MANY
"""The same, where the gateway sent it as one of many."""

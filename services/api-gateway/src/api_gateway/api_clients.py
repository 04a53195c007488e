"""Makes the API's document one that generators of clients understand. Pure.

Operations get names that read well in code, bodies their names, and what is no OpenAPI 3.1 goes.
Where one status is answered with either of two shapes, told apart by the content type, both stand
under `application/json` as well: generators look at one content type of a status.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

NAMES: Final[Mapping[tuple[str, str], str]] = {
    ("POST", "/payments"): "make_payment",
    ("GET", "/payments"): "list_payments",
    ("GET", "/payments.csv"): "export_payments",
    ("GET", "/payments/events"): "follow_events",
    ("GET", "/events"): "list_events",
    ("GET", "/figures"): "read_figures",
    ("GET", "/payments/{payment_id}"): "read_payment",
    ("POST", "/payments/{payment_id}/capture"): "capture_payment",
    ("POST", "/payments/{payment_id}/void"): "void_payment",
    ("POST", "/payments/{payment_id}/refunds"): "refund_payment",
    ("GET", "/payments/{payment_id}/refunds"): "list_refunds",
    ("GET", "/payments/{payment_id}/explain"): "explain_payment",
    ("POST", "/payments/{payment_id}/approve"): "approve_payment",
    ("POST", "/payments/{payment_id}/refuse"): "refuse_payment",
    ("GET", "/event-destinations"): "list_event_destinations",
    ("POST", "/event-destinations/{destination}/replay"): "replay_events",
    ("POST", "/event-destinations/{destination}/test"): "test_event_destination",
    ("GET", "/deliveries"): "list_deliveries",
    ("POST", "/deliveries/{delivery_id}/redeliver"): "redeliver",
    ("GET", "/rate"): "read_rate",
    ("GET", "/convert"): "convert",
    ("GET", "/rates"): "list_rates",
    ("POST", "/quotes"): "make_quote",
    ("GET", "/balance/{account_id}"): "read_balances",
    ("POST", "/accounts"): "open_accounts",
    ("GET", "/accounts"): "list_accounts",
    ("GET", "/accounts/{account_id}"): "read_account",
    ("GET", "/accounts/{account_id}/entries"): "list_entries",
    ("GET", "/accounts/{account_id}/statement.csv"): "export_statement",
    ("POST", "/deposits"): "deposit",
    ("GET", "/ledger/trial-balance"): "read_trial_balance",
    ("POST", "/score"): "score_payment",
    ("GET", "/decisions/{payment_id}"): "read_decision",
    ("GET", "/thresholds"): "list_thresholds",
    ("GET", "/whoami"): "whoami",
    ("GET", "/currencies"): "list_currencies",
    ("GET", "/healthz"): "healthz",
    ("GET", "/readyz"): "readyz",
}
"""How each operation is called in code; a later one is called after its summary."""

_JSON, _PROBLEM, _EVENTS = "application/json", "application/problem+json", "text/event-stream"
_STREAM = {"type": "string", "description": "Server-sent events, each with an `EventAnswer`."}
_PREFIX = "#/components/schemas/"


def fit_for_clients(paths: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Change the paths and schemas of a document, so that generators make good clients of it."""
    for path, method, operation in _operations(paths):
        operation["operationId"] = NAMES.get((method, path)) or _name(operation)
        _name_body(operation, schemas)
        for response in operation.get("responses", {}).values():
            _fit(response)


def _operations(paths: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, operations in paths.items():
        for method, operation in operations.items():
            yield path, method.upper(), operation


def _name(operation: Mapping[str, Any]) -> str:
    words = "".join(c if c.isalnum() else " " for c in operation.get("summary", "")).lower().split()
    return "_".join(words) or str(operation.get("operationId", ""))


def _name_body(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Let a body that is written out in its route stand among the schemas, by its title."""
    content = operation.get("requestBody", {}).get("content", {}).get(_JSON, {})
    schema = content.get("schema", {})
    title = schema.get("title")
    if schema.get("type") == "object" and title and schemas.setdefault(title, schema) == schema:
        content["schema"] = {"$ref": _PREFIX + title}


def _fit(response: dict[str, Any]) -> None:
    content = response.get("content", {})
    if "itemSchema" in content.get(_EVENTS, {}):
        # Of OpenAPI 3.2.
        content[_EVENTS] = {"schema": _STREAM}
    if content.keys() >= {_JSON, _PROBLEM}:
        both = [content[_JSON]["schema"], content[_PROBLEM]["schema"]]
        response["content"] = {_JSON: {"schema": {"anyOf": both}}, _PROBLEM: content[_PROBLEM]}

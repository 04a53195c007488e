"""Destinations and deliveries of the fake gateway: one that takes events, one that does not."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

NAMES = ("orders", "books-of-a-shop-with-a-rather-long-name")


def _at(seconds: float) -> str:
    time = datetime.now(UTC) + timedelta(seconds=seconds)
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")


class FakeWebhooks:
    """What is told of destinations; `asked` holds the deeds that were asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers = True
        self.destinations = [self._destination(name) for name in NAMES]
        self.deliveries = [
            self._delivery(name, sequence) for sequence in range(25, 0, -1) for name in NAMES
        ]

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/event-destinations", self.listed),
            Route("/event-destinations/{name}/test", self.test, methods=["POST"]),
            Route("/deliveries", self.sent),
            Route("/deliveries/{delivery_id}/redeliver", self.again, methods=["POST"]),
        ]

    async def listed(self, _: Request) -> Response:
        """Answer the destinations."""
        return JSONResponse({"items": self.destinations})

    async def sent(self, request: Request) -> Response:
        """Answer a page of the deliveries to one destination, or of some events."""
        wanted = request.query_params
        events = wanted.get("sequences", "").split(",")
        found = [
            d
            for d in self.deliveries
            if wanted.get("destination", d["destination"]) == d["destination"]
            and ("sequences" not in wanted or str(d["sequence"]) in events)
            and wanted.get("status", d["status"]) == d["status"]
            and d["sequence"] < int(wanted.get("before", "before 1000").removeprefix("before "))
        ]
        limit = int(wanted["limit"])
        before = f"before {found[limit - 1]['sequence']}" if len(found) > limit else None
        return JSONResponse({"items": found[:limit], "next_before": before})

    async def again(self, request: Request) -> Response:
        """Send a delivery again: it waits."""
        delivery_id = request.path_params["delivery_id"]
        self.asked.append(delivery_id)
        for delivery in self.deliveries:
            if delivery["delivery_id"] == delivery_id:
                delivery.update(status="waiting", replays=1, next_try_at=_at(0))
        return JSONResponse({"delivery_id": delivery_id}, status_code=202)

    async def test(self, request: Request) -> Response:
        """Send a test event."""
        self.asked.append(f"test {request.path_params['name']}")
        taken = self.answers
        answer = {
            "event_id": "test_5f1d8a90",
            "delivered": taken,
            "response_status": 204 if taken else 500,
            "response": None if taken else "<b>no database</b>",
            "error": None if taken else "answered 500",
            "seconds": 0.031,
        }
        return JSONResponse(answer)

    def _destination(self, name: str) -> dict[str, Any]:
        ready = name == NAMES[0]
        error = "answered 500"
        return {
            "name": name,
            "url": f"https://shop.example.org/hooks/{name}",
            "types": [] if ready else ["payment.captured", "refund.succeeded"],
            "suspended": False,
            "ready": ready,
            "reason": "Delivering" if ready else "Retrying",
            "message": "nothing that it was sent waits to be sent again" if ready else error,
            "delivered_sequence": 25 if ready else None,
            "last_sequence": 25,
            "waiting": 0 if ready else 25,
            "oldest_waiting_at": None if ready else _at(-400),
            "next_try_at": None if ready else _at(40),
            "last_error": None if ready else error,
            "last_error_at": None if ready else _at(-20),
        }

    def _delivery(self, name: str, sequence: int) -> dict[str, Any]:
        taken = name == NAMES[0]
        event = {"id": f"evt_{sequence}", "type": "payment.captured", "sequence": sequence}
        return {
            "delivery_id": f"{name}.{sequence}",
            "destination": name,
            "event_id": f"evt_{sequence}",
            "type": "payment.captured",
            "sequence": sequence,
            "previous_sequence": sequence - 1 or None,
            "payment_id": "PAY-000001",
            "status": "delivered" if taken else "waiting",
            "attempts": 1,
            "replays": 0,
            "created_at": _at(-400),
            "tried_at": _at(-20),
            "delivered_at": _at(-20) if taken else None,
            "next_try_at": None if taken else _at(40),
            "response_status": 204 if taken else 500,
            "response": None if taken else "<b>no database</b>",
            "error": None if taken else "answered 500",
            "event": json.dumps(event),
        }

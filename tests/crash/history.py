"""What the client saw: every reply to every request, and which of them settled it."""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from tests.crash.workload import Step

_LATER = frozenset({429, 502, 503, 504})
"""Nothing was promised: the same request again finds out."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, or status 0 and what stood in its way (`body`)."""

    status: int
    body: bytes
    replayed: bool = False

    def document(self) -> dict[str, Any]:
        """Return the JSON object, empty if it is none."""
        try:
            document = json.loads(self.body)
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}

    def is_outcome(self) -> bool:
        """Tell whether it says what became of the request, for good: it is an acknowledgement."""
        document = self.document()
        named = "payment_id" in document or "refund_id" in document
        return self.status in (200, 400) and named

    def is_refusal(self) -> bool:
        """Tell whether the request was turned away because of the state that the payment is in."""
        code = self.document().get("code")
        return self.status == 409 and code == "operation_not_allowed"

    def is_open(self) -> bool:
        """Tell whether the same request has to be repeated."""
        running = self.status == 409 and self.document().get("code") == "operation_in_progress"
        return self.status in (0, 202) or self.status in _LATER or running

    def __str__(self) -> str:
        document = self.document()
        shown = document.get("code") or document.get("status") or self.body[:120].decode()
        return f"{self.status} {shown}"


@dataclass(slots=True)
class History:
    """The replies by step name, in the order in which they came."""

    replies: dict[str, list[Reply]] = field(default_factory=lambda: defaultdict(list))

    def add(self, step: Step, reply: Reply) -> None:
        """Note a reply."""
        self.replies[step.name].append(reply)

    def outcome(self, step: Step | None) -> Reply | None:
        """Return the acknowledgement of a step: the first reply that says what became of it."""
        if step is None:
            return None
        return next((r for r in self.replies.get(step.name, ()) if r.is_outcome()), None)

    def unsettled(self, step: Step) -> bool:
        """Tell whether the step was sent and its last reply leaves it open."""
        found = self.replies.get(step.name)
        return bool(found) and found[-1].is_open()

    def tally(self) -> str:
        """Return how many replies there were of each sort, for a person to read."""
        counts: dict[str, int] = defaultdict(int)
        for replies in self.replies.values():
            for reply in replies:
                obstacle = reply.body.partition(b":")[0].decode()
                counts[obstacle if reply.status == 0 else str(reply.status)] += 1
        return ", ".join(f"{sort}: {count}" for sort, count in sorted(counts.items()))

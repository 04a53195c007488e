"""What all judges of edits go by: one compilation, what was approved, and new tickets. Pure."""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic_core import PydanticCustomError

from kurs.config.resources.scalars import parse_moment
from kurs.kernel.clock import MICROS
from kurs_operator.compile import Compilation
from kurs_operator.conditions import MAX_TICKETS, Approval
from kurs_operator.last_good import Content
from kurs_operator.ruling import Identity, Reason, Ruling

Approvals = Mapping[str, Approval]
"""By the uid of the resource."""
Good = Mapping[tuple[str, str, str], tuple[int, Content]]
"""Generation and spec of what stands in the documents, by kind, name and uid."""
NOTHING = Approval()
FIRST_DAY = 600 * MICROS
"""Resources that are created within so many microseconds are one decision of who installs them."""


@dataclass(frozen=True)
class Evidence:
    """One compilation of `contents`, beside what was approved and what stood before.

    `names` are those of all resources by uid, of what is held back, too.
    """

    contents: tuple[Content, ...]
    names: Mapping[str, str]
    compilation: Compilation
    approvals: Approvals
    good: Good
    now: int
    ticket: re.Pattern[str]

    @cached_property
    def specs(self) -> Mapping[str, Content]:
        """The specs as they were written, by uid; of one that is no mapping, nothing."""
        specs = {Identity.of(c).uid: c.get("spec") for c in self.contents}
        return {uid: spec for uid, spec in specs.items() if isinstance(spec, Mapping)}

    @cached_property
    def rulings(self) -> Mapping[str, Ruling]:
        """The rulings by uid."""
        return {v.identity.uid: v for v in self.compilation.rulings if v.identity.uid}

    @cached_property
    def uids(self) -> Mapping[str, str]:
        """The uids by kind and name."""
        return {str(v.identity): uid for uid, v in self.rulings.items()}

    def in_force(self, kind: str, parts: Iterable[Any]) -> dict[str, Any]:
        """Return the specs of those parts of a document that are in force, by uid."""
        named = ((self.uids.get(f"{kind}/{part.name}"), part.spec) for part in parts)
        return {uid: spec for uid, spec in named if uid and self.rulings[uid].in_force}

    def is_changed(self, uid: str) -> bool:
        """Tell whether a resource is another than the one in the document."""
        identity = self.rulings[uid].identity
        generation, _ = self.good.get((identity.kind, identity.name, uid), (-1, {}))
        return generation != identity.generation

    def has_stood(self, uid: str) -> bool:
        """Tell whether a document held a resource before, so that it can be what it was."""
        identity = self.rulings[uid].identity
        return (identity.kind, identity.name, uid) in self.good

    def is_coming(self, uid: str) -> bool:
        """Tell whether a resource comes into force later."""
        return self.rulings[uid].reason is Reason.NOT_YET_EFFECTIVE

    def is_unjudged(self, identity: Identity) -> bool:
        """Tell whether a resource was announced before anybody judged it."""
        return self.is_coming(identity.uid) or identity.uid not in self.approvals

    def is_as_old_as(self, uid: str, other: str) -> bool:
        """Tell whether two resources were created within FIRST_DAY, as the files of a folder."""
        first, second = self._created.get(uid), self._created.get(other)
        return first is not None and second is not None and abs(first - second) <= FIRST_DAY

    @cached_property
    def _created(self) -> dict[str, int]:
        """When the API server made each resource, in microseconds since the epoch."""
        found: dict[str, int] = {}
        for content in self.contents:
            with suppress(KeyError, TypeError, PydanticCustomError):
                metadata = content["metadata"]
                found[Identity.of(content).uid] = parse_moment(metadata["creationTimestamp"])
        return found

    def starts(self) -> list[int]:
        """Return when resources come into force, in microseconds, the next first."""
        coming = filter(self.is_coming, self.rulings)
        return sorted({parse_moment(self.specs[uid]["effectiveFrom"]) for uid in coming})

    def new_ticket(self, uid: str, used: Iterable[str] = ()) -> str | None:
        """Return the ticket of a resource if it is of the right form and was not used for it."""
        ticket = self.specs.get(uid, {}).get("changeTicket")
        right = isinstance(ticket, str) and self.ticket.fullmatch(ticket) is not None
        known = {*self.approvals.get(uid, NOTHING).tickets, *used}
        return ticket if right and ticket not in known else None

    def tickets(self, uid: str) -> tuple[str, ...]:
        """Return the tickets that count as used once this compilation is in force."""
        ticket = self.new_ticket(uid)
        known = self.approvals.get(uid, NOTHING).tickets
        return (*known, *([ticket] if ticket else []))[-MAX_TICKETS:]

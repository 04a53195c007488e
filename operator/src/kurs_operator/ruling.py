"""What became of one resource: accepted or not, in force or not, and why."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from kurs.config.resources import InvalidResource, describe
from kurs.kernel.errors import FieldError


class Reason(StrEnum):
    """The reason of the condition `Accepted`; the first four are acceptances."""

    ACCEPTED = "Accepted"
    SUSPENDED = "Suspended"
    NOT_YET_EFFECTIVE = "NotYetEffective"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    CONFLICTED = "Conflicted"
    TOO_LARGE = "TooLarge"
    TICKET_REQUIRED = "TicketRequired"


_ACCEPTANCES = frozenset(
    {Reason.ACCEPTED, Reason.SUSPENDED, Reason.NOT_YET_EFFECTIVE, Reason.EXPIRED}
)


_LONGEST_FAULT = 500


@dataclass(frozen=True, slots=True, order=True)
class Identity:
    """Which resource is meant. Of an invalid resource, as much as can be read."""

    kind: str
    namespace: str
    name: str
    uid: str = ""
    generation: int = 0

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"

    @property
    def key(self) -> tuple[str, str, str]:
        """What is unique in a cluster."""
        return (self.kind, self.namespace, self.name)

    @classmethod
    def of(cls, content: object) -> "Identity":
        """Read the identity of a resource that may break any rule."""
        content = content if isinstance(content, Mapping) else {}
        metadata = content.get("metadata")
        fields = metadata if isinstance(metadata, Mapping) else {}
        generation = fields.get("generation")
        return cls(
            _text(content.get("kind")),
            _text(fields.get("namespace"), ""),
            _text(fields.get("name")),
            _text(fields.get("uid"), ""),
            generation if isinstance(generation, int) else 0,
        )


@dataclass(frozen=True, slots=True)
class Ruling:
    """The judgement of one resource.

    `winner` names the resource that a Conflicted one lost to, `kept` the generation that stays in
    force in place of an Invalid one. `fault` is the error that nobody foresaw, for the log.
    """

    identity: Identity
    reason: Reason
    message: str
    errors: tuple[FieldError, ...] = ()
    winner: str | None = None
    kept: int | None = None
    fault: str = ""

    @property
    def accepted(self) -> bool:
        """Whether the resource is right, be it in force now or not."""
        return self.reason in _ACCEPTANCES

    @property
    def live(self) -> "Ruling | None":
        """The ruling on the generation that the services are to know of, or None without one."""
        if self.accepted:
            return self
        if self.kept is None:
            return None
        identity = replace(self.identity, generation=self.kept)
        return Ruling(identity, Reason.ACCEPTED, f"generation {self.kept} stays in force")

    @property
    def in_force(self) -> bool:
        """Whether the services go by it now."""
        return self.reason is Reason.ACCEPTED

    @property
    def in_document(self) -> bool:
        """Whether it stands in a document, be it in force now or later."""
        return self.reason in (Reason.ACCEPTED, Reason.NOT_YET_EFFECTIVE)


def refused(identity: Identity, error: InvalidResource) -> Ruling:
    """Return the ruling on a resource that breaks the rules of its spec."""
    message = "; ".join(map(describe, error.errors))
    fault = repr(error.__cause__)[:_LONGEST_FAULT] if error.__cause__ else ""
    return Ruling(identity, Reason.INVALID, message, error.errors, fault=fault)


def _text(value: object, absent: str = "?") -> str:
    return value[:253] if isinstance(value, str) and value else absent

"""A resource with what was found about it: what its status is made from."""

from dataclasses import dataclass

from kurs_operator.conditions import Approval, ResourceStatus
from kurs_operator.ruling import Identity, Ruling


@dataclass(frozen=True, slots=True)
class Judged:
    """A resource with its ruling; `revision` is that of its service's newest document.

    `shadow` tells that it is a threshold in Shadow mode. Of a known resource with a new generation
    `edited_at` (microseconds, floored to the second) says when it was edited, if anybody knows.
    """

    ruling: Ruling
    revision: str
    previous: ResourceStatus | None
    shadow: bool = False
    approval: Approval | None = None
    edited_at: int | None = None

    @property
    def identity(self) -> Identity:
        """Which resource it is."""
        return self.ruling.identity

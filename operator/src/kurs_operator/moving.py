"""Approves limits where they are stated now: they move from one threshold to another. Pure.

Else the one that a limit moved to could be loosened, and only the one that it left would be asked.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kurs.config.resources import RiskThresholdSpec, Scope
from kurs_operator.conditions import (
    MAX_APPROVED,
    Approval,
    ApprovedBlocklist,
    ApprovedLimit,
    ApprovedScore,
)
from kurs_operator.limits import is_over, is_stated, limits_of, parts
from kurs_operator.screening import blocklist_of, is_scored, scores_of


@dataclass(frozen=True, slots=True)
class Stated:
    """What a threshold in force states. A limit that declines reviews as well (`reviews`)."""

    limits: tuple[ApprovedLimit, ...]
    only_reviews: tuple[ApprovedLimit, ...]
    scores: tuple[ApprovedScore, ...]
    blocklist: ApprovedBlocklist | None

    @classmethod
    def by(cls, spec: RiskThresholdSpec) -> "Stated":
        """Return what a spec states; in Shadow nothing."""
        return cls(limits_of(spec), limits_of(spec, "Review"), scores_of(spec), blocklist_of(spec))

    @property
    def reviews(self) -> tuple[ApprovedLimit, ...]:
        """All above which payments are reviewed at least."""
        return (*self.only_reviews, *self.limits)


STATES_NOTHING = Stated((), (), (), None)
_FIELDS: Mapping[str, Callable[[Any, Iterable[Any]], bool]] = {
    "limits": is_stated,
    "reviews": is_stated,
    "scores": is_scored,
}


def with_moved(
    there: Mapping[str, Approval],
    found: Mapping[str, Approval],
    stated: Mapping[str, Stated],
    now: int,
) -> dict[str, Approval]:
    """Return the approvals `found`, with what moved in the one that states it now.

    `there` are the approvals of all thresholds that are not braked, `stated` what those in force
    state, `now` microseconds. One that is not in force keeps what it was approved with, too.
    """
    result = dict(found)
    for owner, before in there.items():
        approval = result.get(owner, before)
        own = stated.get(owner, STATES_NOTHING)
        for field, is_there in _FIELDS.items():
            kept: list[Any] = []
            for item in getattr(approval, field):
                left = _left(item, is_there, getattr(own, field), now)
                moved = [part for part in left if _move(part, owner, field, stated, result)]
                kept += [item] if not moved else _without(item, moved)
            if owner in stated:
                result[owner] = result[owner].model_copy(update={field: tuple(kept)})
    return result


def _left(item: Any, is_there: Callable[..., bool], own: Iterable[Any], now: int) -> list[Any]:
    """Return the parts of something approved that its owner does not state any more."""
    if is_over(item.until, now) or is_there(item, own):
        return []
    single = [item.model_copy(update={"scope": scope}) for scope in parts(item.scope)]
    return [part for part in single if not is_there(part, own)]


def _move(
    part: Any, owner: str, field: str, stated: Mapping[str, Stated], result: dict[str, Approval]
) -> bool:
    """Approve a part with all others that state it; return whether there is one with room."""
    moved = False
    for uid, theirs in stated.items():
        known = getattr(result.get(uid, Approval()), field)
        if uid == owner or uid not in result or not _FIELDS[field](part, getattr(theirs, field)):
            continue
        if part not in known:
            if len(known) >= MAX_APPROVED:
                continue
            result[uid] = result[uid].model_copy(update={field: (*known, part)})
        moved = True
    return moved


def _without(item: Any, moved: list[Any]) -> list[Any]:
    """Return what is left of something approved, with the rest of its scope."""
    gone = [part.scope for part in moved]
    rest = [scope for scope in parts(item.scope) if scope not in gone]
    if not rest:
        return []
    scope = Scope(
        currencies=tuple(c for one in rest for c in one.currencies),
        corridors=tuple(c for one in rest for c in one.corridors),
    )
    return [item.model_copy(update={"scope": scope})]

"""Which thresholds take out of force what was approved: limits, reviews, scores, blocklists. Pure.

Judged is what is in force, whoever wrote which resource: all that a threshold was approved with
must still be stated by something, for its scope and as long as it was to last. What another states
now is approved there (kurs_operator.moving). While a threshold is suspended or in Shadow, none that
is laxer takes its place: it would be in force, or in the way when that one comes back.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from itertools import product
from typing import TypeVar

from kurs_operator.conditions import (
    MAX_APPROVED,
    Approval,
    ApprovedBlocklist,
    ApprovedLimit,
    ApprovedScore,
)
from kurs_operator.judging import NOTHING, Approvals, Evidence
from kurs_operator.limits import described, is_known, is_over, is_stated, takes_place
from kurs_operator.moving import STATES_NOTHING, Stated, with_moved
from kurs_operator.ruling import Reason
from kurs_operator.screening import (
    described_score,
    is_known_score,
    is_scored,
    let_through,
    takes_place_of_score,
)

Item = TypeVar("Item", ApprovedLimit, ApprovedScore)
_KIND = "RiskThreshold"
_ITS_OWN = frozenset({Reason.ACCEPTED, Reason.NOT_YET_EFFECTIVE, Reason.EXPIRED})
_SHOWN = 3
"""How many blocked accounts a message names."""


class ApprovedLimits:
    """The judge of thresholds."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        parts = evidence.in_force(_KIND, evidence.compilation.risk.payload.thresholds)
        self._stated = {uid: Stated.by(spec) for uid, spec in parts.items()}
        self._limits = [x for stated in self._stated.values() for x in stated.limits]
        self._reviews = [x for stated in self._stated.values() for x in stated.reviews]
        self._scores = [x for stated in self._stated.values() for x in stated.scores]
        self._lists = [s.blocklist for s in self._stated.values() if s.blocklist]
        self._newcomer = next(
            (
                uid
                for uid, v in evidence.rulings.items()
                if v.in_document and v.identity.kind == _KIND and evidence.is_changed(uid)
            ),
            None,
        )

    def loosened(self) -> Iterator[tuple[str, str]]:
        """Yield who took what was approved out of force without a ticket, and what it was."""
        for owner, who, what in self._missing():
            if not self._excused(who, owner):
                said = f"as last approved, {self._evidence.rulings[owner].identity} {what}"
                yield who, f"{said}; to more than double that, to end it or to override it"
        for owner, who, what in self._standing_in():
            if not self._excused(who, owner):
                name = self._evidence.rulings[owner].identity
                yield who, f"{name} {what}, and is held only for now; to state that more laxly"

    def approvals(self) -> Approvals:
        """Return the approvals of the thresholds in force, as they are from now on."""
        displaced: dict[str, set[str]] = {}
        for owner, who, _ in self._missing():
            if who != owner:
                displaced.setdefault(who, set()).add(self._overridden(owner))
        found = {
            uid: self._approved(uid, stated, displaced.get(uid, set()))
            for uid, stated in self._stated.items()
            if stated.scores or uid in self._evidence.approvals
        }
        there = {
            uid: approval
            for uid, approval in self._evidence.approvals.items()
            if self._is_threshold(uid) and not self._is_braked(uid)
        }
        return with_moved(there, found, self._stated, self._evidence.now)

    def _missing(self) -> Iterator[tuple[str, str, str]]:
        """Yield what was approved and is stated by nothing: whose it is, whose doing, and what."""
        for owner, approval in self._evidence.approvals.items():
            who = self._responsible(owner)
            if who is not None:
                yield from ((owner, who, what) for what in self._unstated(owner, approval))

    def _standing_in(self) -> Iterator[tuple[str, str, str]]:
        """Yield what is approved of a braked threshold, who newly says it more laxly, and what."""
        braked = [uid for uid in self._evidence.approvals if self._is_braked(uid)]
        changed = [uid for uid in self._stated if braked and self._evidence.is_changed(uid)]
        for owner, who in product(braked, changed):
            known = self._evidence.approvals.get(who, NOTHING)
            approval, stated = self._evidence.approvals[owner], self._stated[who]
            for limit in approval.limits:
                if takes_place(limit, stated.limits, known.limits):
                    yield owner, who, described(limit)
            for limit in approval.reviews:
                if takes_place(limit, stated.reviews, known.reviews):
                    yield owner, who, described(limit, "Review")
            for score in approval.scores:
                if takes_place_of_score(score, stated.scores, known.scores):
                    yield owner, who, described_score(score)

    def _unstated(self, owner: str, approval: Approval) -> Iterator[str]:
        own = self._stated.get(owner, STATES_NOTHING)
        for limit in approval.limits:
            if self._is_gone(limit, is_stated, own.limits, self._limits):
                yield described(limit)
        for limit in approval.reviews:
            if self._is_gone(limit, is_stated, own.reviews, self._reviews):
                yield described(limit, "Review")
        for score in approval.scores:
            if self._is_gone(score, is_scored, own.scores, self._scores):
                yield described_score(score)
        if approval.blocklist is not None and approval.blocklist != own.blocklist:
            yield from self._let_through(approval.blocklist)

    def _is_gone(
        self,
        approved: Item,
        is_there: Callable[[Item, Iterable[Item]], bool],
        own: Iterable[Item],
        every: Iterable[Item],
    ) -> bool:
        # What the owner states itself, as most do, need not be looked for among all.
        return not (
            is_over(approved.until, self._evidence.now)
            or is_there(approved, own)
            or is_there(approved, every)
        )

    def _let_through(self, approved: ApprovedBlocklist) -> Iterator[str]:
        gone = (
            []
            if is_over(approved.until, self._evidence.now)
            else let_through(approved, self._lists)
        )
        if gone:
            more = f" and {len(gone) - _SHOWN} more" if len(gone) > _SHOWN else ""
            yield f"blocks {', '.join(gone[:_SHOWN])}{more}"

    def _responsible(self, owner: str) -> str | None:
        if not self._is_threshold(owner):
            return None
        ruling = self._evidence.rulings[owner]
        if ruling.reason is Reason.CONFLICTED:
            return self._who_made_it_lose(owner, self._evidence.uids.get(ruling.winner or ""))
        if ruling.reason is Reason.TOO_LARGE:
            return self._newcomer
        return owner if ruling.reason in _ITS_OWN and not self._is_braked(owner) else None

    def _who_made_it_lose(self, owner: str, winner: str | None) -> str | None:
        """Return whose edit it was that one of two lost to the other, or None if it was nobody's.

        One that was not in force before, and comes back as the loser, loosens nothing.
        """
        if winner is None or self._evidence.is_changed(winner):
            return winner
        if not self._evidence.is_changed(owner):
            return winner
        return owner if self._evidence.has_stood(owner) else None

    def _is_threshold(self, uid: str) -> bool:
        ruling = self._evidence.rulings.get(uid)
        return ruling is not None and ruling.identity.kind == _KIND

    def _is_braked(self, uid: str) -> bool:
        if not self._is_threshold(uid):
            return False
        shadow = self._evidence.specs.get(uid, {}).get("mode") == "Shadow"
        return shadow or self._evidence.rulings[uid].reason is Reason.SUSPENDED

    def _excused(self, who: str, owner: str) -> bool:
        approvals = self._evidence.approvals
        mine = approvals.get(who, NOTHING)
        # Releases before wrote the name alone.
        known = {self._evidence.rulings[owner].identity.name, self._overridden(owner)}
        if who != owner and not known.isdisjoint(mine.overrides):
            return True
        return self._evidence.new_ticket(who, approvals[owner].tickets) is not None

    def _overridden(self, owner: str) -> str:
        """Return what a ticket overrides: what a threshold is approved with now, nothing later."""
        parts = {"limits", "reviews", "scores", "blocklist"}
        approval = self._evidence.approvals[owner]
        text = approval.model_dump_json(include=parts, exclude_defaults=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        return f"{self._evidence.rulings[owner].identity.name[:200]}/{digest}"

    def _approved(self, uid: str, stated: Stated, displaced: set[str]) -> Approval:
        before, ticket = self._evidence.approvals.get(uid), self._evidence.new_ticket(uid)
        if before is None or ticket is not None:
            overrides = {*(before.overrides if before else ()), *displaced} if ticket else set()
            return Approval(
                tickets=self._evidence.tickets(uid),
                overrides=tuple(sorted(overrides))[:MAX_APPROVED],
                limits=stated.limits[:MAX_APPROVED],
                reviews=stated.only_reviews[:MAX_APPROVED],
                scores=stated.scores,
                blocklist=stated.blocklist,
            )
        scores = (s for s in stated.scores if not is_known_score(s, before.scores))
        # Accounts that left the list are on another's, which has its own approval of them.
        blocklist = stated.blocklist if stated.scores else before.blocklist
        return before.model_copy(
            update={
                "limits": _added(before.limits, stated.limits),
                "reviews": _added(before.reviews, stated.only_reviews),
                "scores": (*before.scores, *scores)[:MAX_APPROVED],
                "blocklist": blocklist,
            }
        )


def _added(
    before: tuple[ApprovedLimit, ...], stated: Iterable[ApprovedLimit]
) -> tuple[ApprovedLimit, ...]:
    return (*before, *(x for x in stated if not is_known(x, before)))[:MAX_APPROVED]

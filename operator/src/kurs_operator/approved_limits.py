"""Which thresholds take out of force what was approved: limits, reviews, scores, blocklists. Pure.

Judged is what is in force, whoever wrote which resource: all that a threshold was approved with
must still be stated by something, for its scope and as long as it was to last.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from kurs.config.resources import RiskThresholdSpec
from kurs_operator.conditions import (
    MAX_APPROVED,
    Approval,
    ApprovedBlocklist,
    ApprovedLimit,
    ApprovedScore,
)
from kurs_operator.judging import NOTHING, Approvals, Evidence
from kurs_operator.limits import described, is_known, is_over, is_stated, limits_of
from kurs_operator.ruling import Reason
from kurs_operator.screening import (
    blocklist_of,
    described_score,
    is_known_score,
    is_scored,
    let_through,
    scores_of,
)

Stated = TypeVar("Stated", ApprovedLimit, ApprovedScore)
_KIND = "RiskThreshold"
_ITS_OWN = frozenset({Reason.ACCEPTED, Reason.NOT_YET_EFFECTIVE, Reason.EXPIRED})
_SHOWN = 3
"""How many blocked accounts a message names."""


@dataclass(frozen=True, slots=True)
class _Stated:
    """What a threshold in force states; a limit that declines reviews as well."""

    limits: tuple[ApprovedLimit, ...]
    reviews: tuple[ApprovedLimit, ...]
    scores: tuple[ApprovedScore, ...]
    blocklist: ApprovedBlocklist | None

    @classmethod
    def by(cls, spec: RiskThresholdSpec) -> "_Stated":
        return cls(limits_of(spec), limits_of(spec, "Review"), scores_of(spec), blocklist_of(spec))


_NOTHING = _Stated((), (), (), None)


class ApprovedLimits:
    """The judge of thresholds."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        parts = evidence.in_force(_KIND, evidence.compilation.risk.payload.thresholds)
        self._stated = {uid: _Stated.by(spec) for uid, spec in parts.items()}
        self._limits = [x for stated in self._stated.values() for x in stated.limits]
        self._reviews = [x for s in self._stated.values() for x in (*s.reviews, *s.limits)]
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

    def approvals(self) -> Approvals:
        """Return the approvals of the thresholds in force, as they are from now on."""
        displaced: dict[str, set[str]] = {}
        for owner, who, _ in self._missing():
            if who != owner:
                displaced.setdefault(who, set()).add(self._evidence.rulings[owner].identity.name)
        return {
            uid: self._approved(uid, stated, displaced.get(uid, set()))
            for uid, stated in self._stated.items()
            if stated.scores or uid in self._evidence.approvals
        }

    def _missing(self) -> Iterator[tuple[str, str, str]]:
        """Yield what was approved and is stated by nothing: whose it is, whose doing, and what."""
        for owner, approval in self._evidence.approvals.items():
            who = self._responsible(owner)
            if who is not None:
                yield from ((owner, who, what) for what in self._unstated(owner, approval))

    def _unstated(self, owner: str, approval: Approval) -> Iterator[str]:
        own = self._stated.get(owner, _NOTHING)
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
        approved: Stated,
        is_there: Callable[[Stated, Iterable[Stated]], bool],
        own: Iterable[Stated],
        every: Iterable[Stated],
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
        ruling = self._evidence.rulings.get(owner)
        if ruling is None or ruling.identity.kind != _KIND:
            return None
        if ruling.reason is Reason.CONFLICTED:
            return self._evidence.uids.get(ruling.winner or "")
        if ruling.reason is Reason.TOO_LARGE:
            return self._newcomer
        brake = self._evidence.specs.get(owner, {}).get("mode") == "Shadow"
        return owner if ruling.reason in _ITS_OWN and not brake else None

    def _excused(self, who: str, owner: str) -> bool:
        approvals = self._evidence.approvals
        mine = approvals.get(who, NOTHING)
        if who != owner and self._evidence.rulings[owner].identity.name in mine.overrides:
            return True
        return self._evidence.new_ticket(who, approvals[owner].tickets) is not None

    def _approved(self, uid: str, stated: _Stated, displaced: set[str]) -> Approval:
        before, ticket = self._evidence.approvals.get(uid), self._evidence.new_ticket(uid)
        if before is None or ticket is not None:
            overrides = {*(before.overrides if before else ()), *displaced} if ticket else set()
            return Approval(
                tickets=self._evidence.tickets(uid),
                overrides=tuple(sorted(overrides))[:MAX_APPROVED],
                limits=stated.limits[:MAX_APPROVED],
                reviews=stated.reviews[:MAX_APPROVED],
                scores=stated.scores,
                blocklist=stated.blocklist,
            )
        scores = (s for s in stated.scores if not is_known_score(s, before.scores))
        # Accounts that left the list are on another's, which has its own approval of them.
        blocklist = stated.blocklist if stated.scores else before.blocklist
        return before.model_copy(
            update={
                "limits": _added(before.limits, stated.limits),
                "reviews": _added(before.reviews, stated.reviews),
                "scores": (*before.scores, *scores)[:MAX_APPROVED],
                "blocklist": blocklist,
            }
        )


def _added(
    before: tuple[ApprovedLimit, ...], stated: Iterable[ApprovedLimit]
) -> tuple[ApprovedLimit, ...]:
    return (*before, *(x for x in stated if not is_known(x, before)))[:MAX_APPROVED]

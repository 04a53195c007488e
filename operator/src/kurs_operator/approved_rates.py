"""Which sources are laxer than they were approved, or are asked before others unapproved. Pure.

A source is held to its own terms at its last ticket. For a pair that is new to it, it is held to
those of every source that was approved for that pair, wherever it is asked and whatever became of
the others since: behind them it would be in force as soon as they are stale, suspended or gone. And
two that were approved in one order are asked in the other only by a ticket. What a source leaves is
left to those that were approved for it.
"""

from collections.abc import Iterator
from itertools import chain, permutations

from kurs.config.resources import FXRateSourceSpec
from kurs.config.resources.fx_rate_source import MAX_DEVIATION_FROM_NEXT_BPS
from kurs.config.resources.rate_source_types import PARTS
from kurs_operator.conditions import MAX_APPROVED, Approval, ApprovedTerms
from kurs_operator.judging import NOTHING, Approvals, Evidence
from kurs_operator.pairs import Currencies, Served, guarded, is_new_between, served
from kurs_operator.ruling import Reason
from kurs_operator.terms import looser, merged, terms_of

_KIND = "FXRateSource"
_NOBODY = frozenset[str]()


class ApprovedRates:
    """The judge of rate sources."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._specs: dict[str, FXRateSourceSpec] = evidence.in_force(
            _KIND, evidence.compilation.fx.payload.rate_sources
        )
        self._terms = {uid: terms_of(spec) for uid, spec in self._specs.items()}
        self._suspended = dict(self._suspended_providers())
        known = {uid: approval.terms for uid, approval in evidence.approvals.items()}
        self._guards = {uid: terms for uid, terms in known.items() if terms is not None}
        self._guarded = {uid: guarded(terms) for uid, terms in self._guards.items()}
        self._recorded = {
            uid: frozenset(approval.overrides) for uid, approval in evidence.approvals.items()
        }
        self._served = Served.by(self._specs, self._guards)
        self._order = dict.fromkeys(self._asked_in_order())

    def loosened(self) -> Iterator[tuple[str, str]]:
        """Yield who is laxer than was approved without a ticket, and in what."""
        for who, what in (*self._laxer(), *self._newly_asked(), *self._overtaking()):
            if self._evidence.new_ticket(who) is None:
                yield who, f"{what}; to loosen what was approved"

    def approvals(self) -> Approvals:
        """Return the approvals of the sources in force, as they are from now on."""
        found = {uid: self._approved(uid, terms) for uid, terms in self._terms.items()}
        known = {**self._evidence.approvals, **found}
        asked = dict.fromkeys(chain.from_iterable(self._order))
        behind = {uid: {*known.get(uid, NOTHING).overrides} for uid in asked}
        for first, second in self._order:
            swapped = self._name(first) in behind[second]
            if swapped and first in self._suspended:
                continue
            behind[first].add(self._name(second))
            behind[second].discard(self._name(first))
        for uid, names in behind.items():
            approval = known.get(uid, NOTHING)
            if names != {*approval.overrides}:
                found[uid] = _with_overrides(approval, names)
        return found

    def _laxer(self) -> Iterator[tuple[str, str]]:
        for uid, terms in self._terms.items():
            known = self._known(uid)
            if known is not None:
                yield from ((uid, what) for what in looser(known, terms))
                continue
            apart = terms.max_deviation_from_next_bps
            # One that was in force before there were approvals is approved as it is.
            if apart > MAX_DEVIATION_FROM_NEXT_BPS and self._evidence.is_changed(uid):
                yield uid, f"it may be {apart} bps from the next source"

    def _newly_asked(self) -> Iterator[tuple[str, str]]:
        """Yield who is laxer than what others were approved with, for pairs it was not asked of."""
        for uid in self._specs:
            why = next(self._laxer_than_others(uid), None)
            if why is not None:
                yield uid, why

    def _laxer_than_others(self, uid: str) -> Iterator[str]:
        mine, before = self._served.currencies[uid], self._before(uid)
        if before is None or (mine <= before and not self._evidence.is_changed(uid)):
            return
        joints = self._served.joints(uid, before)
        for other, known in self._guards.items():
            first = self._is_of_the_first_day(uid, other)
            theirs = self._guarded[other]
            if other == uid or (first and self._may_come(uid, other)):
                continue
            if is_new_between(mine, before, theirs) or self._comes_before(uid, other):
                yield from self._against(other, known, uid)
            for joint in joints:
                if not first and joint.other != other and joint.is_between(theirs):
                    yield from self._against(other, known, uid)
                    yield from self._against(other, known, joint.other)

    def _comes_before(self, uid: str, other: str) -> bool:
        """Tell whether a source is asked before another of which it was never asked in an order."""
        return (
            (uid, other) in self._order
            and self._evidence.is_changed(uid)
            and not self._is_recorded(uid, other)
            and not self._is_recorded(other, uid)
        )

    def _is_recorded(self, first: str, second: str) -> bool:
        return self._name(second) in self._recorded.get(first, _NOBODY)

    def _before(self, uid: str) -> Currencies | None:
        """Return the currencies that a source was approved for; None if it was before approvals."""
        known = self._known(uid)
        if known is not None:
            base = frozenset() if known.serves else self._served.bases[uid]
            return served(known) | base
        announced = self._specs[uid].effective_from is not None
        return frozenset() if self._evidence.is_changed(uid) or announced else None

    def _is_of_the_first_day(self, uid: str, other: str) -> bool:
        """Tell whether a source came in one go with another, and was not edited since."""
        new = self._known(uid) is None and self._evidence.rulings[uid].identity.generation == 1
        return new and self._evidence.is_as_old_as(uid, other)

    def _may_come(self, uid: str, other: str) -> bool:
        """Tell whether one is asked after another, or is a provider and that a person's."""
        mine, theirs = self._specs[uid], self._specs.get(other)
        if theirs is None:
            return False
        provider = mine.of_type.publishes and not theirs.of_type.publishes
        return (other, uid) in self._order or provider

    def _against(self, other: str, known: ApprovedTerms, laxer: str) -> Iterator[str]:
        what = "is asked before" if (laxer, other) in self._order else "may stand in for"
        for why in looser(known, self._terms.get(laxer) or self._guards[laxer]):
            yield f"{_KIND}/{self._name(laxer)} {what} {self._name(other)}, against which {why}"

    def _overtaking(self) -> Iterator[tuple[str, str]]:
        for first, second in self._order:
            if first in self._suspended or self._is_recorded(first, second):
                continue
            if self._is_recorded(second, first):
                whose = self._evidence.is_changed(second) and not self._evidence.is_changed(first)
                what = f"{_KIND}/{self._name(first)} is asked before {self._name(second)}"
                yield second if whose else first, f"{what}, which was asked before it"

    def _suspended_providers(self) -> Iterator[tuple[str, FXRateSourceSpec]]:
        for uid, ruling in self._evidence.rulings.items():
            known = self._known(uid)
            published = known is not None and PARTS[known.type].publishes
            if published and ruling.reason is Reason.SUSPENDED:
                yield uid, FXRateSourceSpec.model_validate(self._evidence.specs[uid])

    def _asked_in_order(self) -> Iterator[tuple[str, str]]:
        """Yield two sources of one pair, the one that is asked first and the other.

        One of them may be suspended: it is as if it were asked.
        """
        asked = self._specs | self._suspended
        priorities = {uid: spec.priority for uid, spec in asked.items()}
        for first, second in permutations(priorities, 2):
            if {first, second} <= self._suspended.keys():
                continue
            if priorities[first] > priorities[second] and self._served.shares(first, second):
                yield first, second
        for uid, ruling in self._evidence.rulings.items():
            winner = self._evidence.uids.get(ruling.winner or "")
            if ruling.reason is Reason.CONFLICTED and winner in self._specs:
                yield winner, uid

    def _known(self, uid: str) -> ApprovedTerms | None:
        return self._evidence.approvals.get(uid, NOTHING).terms

    def _name(self, uid: str) -> str:
        return self._evidence.names[uid]

    def _approved(self, uid: str, terms: ApprovedTerms) -> Approval:
        before, known = self._evidence.approvals.get(uid, NOTHING), self._known(uid)
        if known is not None and self._evidence.new_ticket(uid) is None:
            return before.model_copy(update={"terms": merged(known, terms)})
        update = {"terms": terms, "tickets": self._evidence.tickets(uid)}
        return before.model_copy(update=update)


def _with_overrides(approval: Approval, names: set[str]) -> Approval:
    return approval.model_copy(update={"overrides": tuple(sorted(names))[:MAX_APPROVED]})

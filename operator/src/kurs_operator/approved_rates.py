"""Which sources are laxer than they were approved, or are asked before others unapproved. Pure.

A source is held to its own terms at its last ticket. One that comes to be asked before another for
a pair, or in place of a provider that is suspended, is held to the other's; and two that were
approved in one order are asked in the other only by a ticket. What a source leaves, suspended or
gone, is left to those that were approved behind it.
"""

from collections.abc import Iterator
from itertools import permutations

from kurs.config.resources import FXRateSourceSpec
from kurs.config.resources.fx_rate_source import MAX_DEVIATION_FROM_NEXT_BPS
from kurs_operator.conditions import MAX_APPROVED, Approval, ApprovedTerms
from kurs_operator.conflicts import RateClaim, claim_of, shared_pair
from kurs_operator.judging import NOTHING, Approvals, Evidence
from kurs_operator.ruling import Reason
from kurs_operator.terms import looser, merged, terms_of

_KIND = "FXRateSource"


class ApprovedRates:
    """The judge of rate sources."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._specs: dict[str, FXRateSourceSpec] = evidence.in_force(
            _KIND, evidence.compilation.fx.payload.rate_sources
        )
        self._terms = {uid: terms_of(spec) for uid, spec in self._specs.items()}
        self._suspended = dict(self._suspended_providers())
        self._order = list(self._asked_in_order())

    def loosened(self) -> Iterator[tuple[str, str]]:
        """Yield who is laxer than was approved without a ticket, and in what."""
        for who, what in (*self._laxer(), *self._overtaking()):
            if self._evidence.new_ticket(who) is None:
                yield who, f"{what}; to loosen what was approved"

    def approvals(self) -> Approvals:
        """Return the approvals of the sources in force, as they are from now on."""
        found = {uid: self._approved(uid, terms) for uid, terms in self._terms.items()}
        for first, second in self._order:
            mine, theirs = (
                found.get(uid) or self._evidence.approvals.get(uid, NOTHING)
                for uid in (first, second)
            )
            swapped = self._name(first) in theirs.overrides
            if swapped and first in self._suspended:
                continue
            found[first] = _with_overrides(mine, {*mine.overrides, self._name(second)})
            if swapped:
                found[second] = _with_overrides(theirs, {*theirs.overrides} - {self._name(first)})
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

    def _overtaking(self) -> Iterator[tuple[str, str]]:
        approvals = self._evidence.approvals
        for first, second in self._order:
            mine, theirs = approvals.get(first, NOTHING), approvals.get(second, NOTHING)
            newcomer, other = (second, first) if first in self._suspended else (first, second)
            known = self._known(other)
            if known is None or self._name(second) in mine.overrides:
                continue
            if self._name(first) not in theirs.overrides:
                if self._evidence.is_changed(newcomer) or newcomer not in approvals:
                    yield from ((newcomer, why) for why in self._against(other, newcomer, known))
            elif newcomer == first:
                whose = self._evidence.is_changed(second) and not self._evidence.is_changed(first)
                what = f"{_KIND}/{self._name(first)} is asked before {self._name(second)}"
                yield second if whose else first, f"{what}, which was asked before it"

    def _against(self, other: str, newcomer: str, known: ApprovedTerms) -> Iterator[str]:
        what = "stands in for" if other in self._suspended else "is asked before"
        for laxer in looser(known, self._terms[newcomer]):
            yield f"it {what} {_KIND}/{self._name(other)}, against which {laxer}"

    def _suspended_providers(self) -> Iterator[tuple[str, FXRateSourceSpec]]:
        for uid, ruling in self._evidence.rulings.items():
            known = self._known(uid)
            if ruling.reason is Reason.SUSPENDED and known is not None and known.type == "HTTP":
                yield uid, FXRateSourceSpec.model_validate(self._evidence.specs[uid])

    def _asked_in_order(self) -> Iterator[tuple[str, str]]:
        """Yield two sources of one pair, the one that is asked first and the other.

        One of them may be suspended: it is as if it were asked.
        """
        specs = {**self._specs, **self._suspended}
        claims = {uid: claim_of(spec) for uid, spec in specs.items()}
        for (first, mine), (second, theirs) in permutations(claims.items(), 2):
            assert isinstance(mine, RateClaim)
            assert isinstance(theirs, RateClaim)
            if mine.priority <= theirs.priority or {first, second} <= self._suspended.keys():
                continue
            if shared_pair(mine, theirs):
                yield first, second
        for uid, ruling in self._evidence.rulings.items():
            winner = self._evidence.uids.get(ruling.winner or "")
            if ruling.reason is Reason.CONFLICTED and winner in self._specs:
                yield winner, uid

    def _known(self, uid: str) -> ApprovedTerms | None:
        return self._evidence.approvals.get(uid, NOTHING).terms

    def _name(self, uid: str) -> str:
        return self._evidence.rulings[uid].identity.name

    def _approved(self, uid: str, terms: ApprovedTerms) -> Approval:
        before, known = self._evidence.approvals.get(uid, NOTHING), self._known(uid)
        if known is not None and self._evidence.new_ticket(uid) is None:
            return before.model_copy(update={"terms": merged(known, terms)})
        update = {"terms": terms, "tickets": self._evidence.tickets(uid)}
        return before.model_copy(update=update)


def _with_overrides(approval: Approval, names: set[str]) -> Approval:
    return approval.model_copy(update={"overrides": tuple(sorted(names))[:MAX_APPROVED]})

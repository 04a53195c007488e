"""Which loosening of decline limits has an approval. Pure.

Judged is what is in force before and after, whoever wrote which resource: every limit that a
threshold was approved with must still be stated by something in force, for its scope and its
currency, over no shorter a window, and at most doubled. Doubling again counts from the same
approval, which stands in the status of the threshold and survives a restart. Who takes a limit out
of force without a new ticket keeps his last good self. `suspend`, Shadow and deletion are brakes
for an emergency, and a matter of RBAC.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from kurs.config.resources import Document
from kurs_operator.compile import Compilation, compile_resources
from kurs_operator.conditions import MAX_APPROVED, MAX_TICKETS, Approval, ApprovedLimit
from kurs_operator.last_good import in_force, restored
from kurs_operator.limits import described, is_known, is_over, is_stated, limits_of
from kurs_operator.ruling import Identity, Reason, Ruling

Content = Mapping[str, Any]
Approvals = Mapping[str, Approval]
"""By the uid of the threshold."""
_ITS_OWN = frozenset({Reason.ACCEPTED, Reason.NOT_YET_EFFECTIVE, Reason.EXPIRED})


@dataclass(frozen=True, slots=True)
class Approved:
    """What may be in force, the rulings on what may not by uid, and the approvals from now on."""

    compilation: Compilation
    refused: Mapping[str, Ruling]
    approvals: Approvals


def compile_approved(
    resources: Iterable[Content],
    approvals: Approvals,
    documents: Iterable[Document],
    *,
    now: int,
    ticket: re.Pattern[str],
) -> Approved:
    """Compile resources, and hold back what loosens a limit without a new ticket of this form."""
    contents = list(resources)
    good, refused = in_force(documents), dict[str, Ruling]()
    while True:
        compilation = compile_resources(contents, now=now)
        judgement = _Judgement(contents, compilation, approvals, good, now, ticket)
        found = {uid: why for uid, why in judgement.loosened() if uid not in refused}
        if not found:
            rulings = (*compilation.rulings, *_left_out(compilation, refused))
            return Approved(
                replace(compilation, rulings=rulings), refused, judgement.approvals(refused)
            )
        kept = []
        for content in contents:
            identity = Identity.of(content)
            if identity.uid not in found:
                kept.append(content)
                continue
            last = good.get((identity.kind, identity.name, identity.uid))
            refused[identity.uid] = _refusal(identity, found[identity.uid], last and last[0])
            if last is not None:
                kept.append(restored(content, *last))
        contents = kept


class _Judgement:
    """One compilation, held against what was approved."""

    def __init__(
        self,
        contents: Iterable[Content],
        compilation: Compilation,
        approvals: Approvals,
        good: Mapping[tuple[str, str, str], tuple[int, Content]],
        now: int,
        ticket: re.Pattern[str],
    ) -> None:
        self._specs = {Identity.of(c).uid: c.get("spec", {}) for c in contents}
        self._rulings = {v.identity.uid: v for v in compilation.rulings if v.identity.uid}
        self._uids = {str(v.identity): uid for uid, v in self._rulings.items()}
        self._approvals = approvals
        self._now = now
        self._ticket = ticket
        parts = {f"RiskThreshold/{t.name}": t.spec for t in compilation.risk.payload.thresholds}
        self._stated = {
            uid: limits_of(parts[name])
            for name, uid in self._uids.items()
            if name in parts and self._rulings[uid].in_force
        }

        self._newcomer = next(
            (
                uid
                for uid, v in self._rulings.items()
                if v.in_document
                and v.identity.kind == "RiskThreshold"
                and good.get((*_kind_and_name(v.identity), uid), (-1,))[0] != v.identity.generation
            ),
            None,
        )

    def loosened(self) -> Iterator[tuple[str, str]]:
        """Yield who took an approved limit out of force without a ticket, and what it was."""
        for owner, who, limit in self._missing():
            if not self._excused(who, owner):
                yield who, f"{self._rulings[owner].identity} {described(limit)}"

    def approvals(self, refused: Mapping[str, Ruling]) -> Approvals:
        """Return the approvals of all that is in force, as they are from now on."""
        displaced: dict[str, set[str]] = {}
        for owner, who, _ in self._missing():
            if who != owner:
                displaced.setdefault(who, set()).add(self._rulings[owner].identity.name)
        return {
            uid: self._approved(uid, stated, displaced.get(uid, set()))
            for uid, stated in self._stated.items()
            if uid not in refused and (stated or uid in self._approvals)
        }

    def _missing(self) -> Iterator[tuple[str, str, ApprovedLimit]]:
        """Yield each approved limit that nothing states: whose it is, whose doing, and what."""
        stated = [limit for limits in self._stated.values() for limit in limits]
        for owner, approval in self._approvals.items():
            who = self._responsible(owner)
            for limit in approval.limits if who else ():
                if who and not is_over(limit, self._now) and not is_stated(limit, stated):
                    yield owner, who, limit

    def _responsible(self, owner: str) -> str | None:
        ruling = self._rulings.get(owner)
        if ruling is None:
            return None
        if ruling.reason is Reason.CONFLICTED:
            return self._uids.get(ruling.winner or "")
        if ruling.reason is Reason.TOO_LARGE:
            return self._newcomer
        brake = self._specs.get(owner, {}).get("mode") == "Shadow"
        return owner if ruling.reason in _ITS_OWN and not brake else None

    def _excused(self, who: str, owner: str) -> bool:
        mine = self._approvals.get(who, NOTHING)
        if who != owner and self._rulings[owner].identity.name in mine.overrides:
            return True
        return self._new_ticket(who, {*mine.tickets, *self._approvals[owner].tickets}) is not None

    def _new_ticket(self, uid: str, used: Iterable[str]) -> str | None:
        ticket = self._specs.get(uid, {}).get("changeTicket")
        right = isinstance(ticket, str) and self._ticket.fullmatch(ticket) is not None
        return ticket if right and ticket not in used else None

    def _approved(
        self, uid: str, stated: tuple[ApprovedLimit, ...], displaced: set[str]
    ) -> Approval:
        before = self._approvals.get(uid)
        ticket = self._new_ticket(uid, before.tickets if before else ())
        if before is not None and ticket is None:
            added = [limit for limit in stated if not is_known(limit, before.limits)]
            limits = (*before.limits, *added)[:MAX_APPROVED]
            return before.model_copy(update={"limits": limits}) if added else before
        tickets = (*(before.tickets if before else ()), *([ticket] if ticket else []))
        overrides = {*(before.overrides if before else ()), *displaced} if ticket else set()
        return Approval(
            tickets=tickets[-MAX_TICKETS:],
            overrides=tuple(sorted(overrides))[:MAX_APPROVED],
            limits=stated[:MAX_APPROVED],
        )


NOTHING = Approval()


def _kind_and_name(identity: Identity) -> tuple[str, str]:
    return identity.kind, identity.name


def _refusal(identity: Identity, what: str, kept: int | None) -> Ruling:
    stays = "it is not in force" if kept is None else f"generation {kept} stays in force"
    message = (
        f"as last approved, {what}; to more than double that, to end it or to override it, name "
        f"the approval in a new spec.changeTicket; {stays}"
    )
    return Ruling(identity, Reason.TICKET_REQUIRED, message, kept=kept)


def _left_out(compilation: Compilation, refused: Mapping[str, Ruling]) -> list[Ruling]:
    there = {ruling.identity.uid for ruling in compilation.rulings}
    return [ruling for uid, ruling in refused.items() if uid not in there]

"""What loosens limits or rates without an approval stays out of force. Pure.

Judged is what is in force before and after, whoever wrote which resource, against what was approved
at the last ticket, or on the first day; that stands in the statuses and survives a restart. Which
way a field is looser says one table (kurs_operator.loosening). Who takes something approved out of
force without a new ticket keeps his last good self. `suspend`, Shadow and deletion are brakes for
an emergency, and a matter of RBAC.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from kurs.config.resources import Document
from kurs_operator.approved_limits import ApprovedLimits
from kurs_operator.approved_rates import ApprovedRates
from kurs_operator.compile import Compilation, compile_resources
from kurs_operator.judging import Approvals, Evidence
from kurs_operator.last_good import Content, in_force, restored
from kurs_operator.ruling import Identity, Reason, Ruling

LOOKAHEAD = 10
"""How many moments to come are judged ahead: by then the services open windows by themselves."""


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
    """Compile resources, and hold back what loosens a limit or a rate without a new ticket."""
    contents = tuple(resources)
    good, refused = in_force(documents), dict[str, Ruling]()
    names = {identity.uid: identity.name for identity in map(Identity.of, contents)}
    while True:
        compilation = compile_resources(contents, now=now)
        evidence = Evidence(contents, names, compilation, approvals, good, now, ticket)
        found: dict[str, str] = {}
        for uid, why in _loosened(evidence):
            found.setdefault(uid, why)
        if not found.keys() - refused.keys():
            return _approved(evidence, refused)
        contents = tuple(_held_back(evidence, found, refused))


def _loosened(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Yield who loosens what without a ticket, now or when something announced begins."""
    yield from ApprovedLimits(evidence).loosened()
    yield from ApprovedRates(evidence).loosened()
    for then in evidence.starts()[:LOOKAHEAD]:
        compilation = compile_resources(evidence.contents, now=then)
        ahead = replace(evidence, compilation=compilation, now=then)
        yield from ApprovedLimits(ahead).loosened()
        yield from ApprovedRates(ahead).loosened()


def _approved(evidence: Evidence, refused: Mapping[str, Ruling]) -> Approved:
    found = {**ApprovedLimits(evidence).approvals(), **ApprovedRates(evidence).approvals()}
    there = {ruling.identity.uid for ruling in evidence.compilation.rulings}
    left_out = (ruling for uid, ruling in refused.items() if uid not in there)
    compilation = replace(evidence.compilation, rulings=(*evidence.compilation.rulings, *left_out))
    approvals = {uid: approval for uid, approval in found.items() if uid not in refused}
    return Approved(compilation, refused, approvals)


def _held_back(
    evidence: Evidence, found: Mapping[str, str], refused: dict[str, Ruling]
) -> Iterable[Content]:
    """Yield the contents with the last good selves of those that are refused, if they have one."""
    for content in evidence.contents:
        identity = Identity.of(content)
        if identity.uid not in found or identity.uid in refused:
            yield content
            continue
        last = evidence.good.get((identity.kind, identity.name, identity.uid))
        if last is not None and last[0] == identity.generation and evidence.is_unjudged(identity):
            last = None
        refused[identity.uid] = _refusal(identity, found[identity.uid], last and last[0])
        if last is not None:
            yield restored(content, *last)


def _refusal(identity: Identity, what: str, kept: int | None) -> Ruling:
    stays = "it is not in force" if kept is None else f"generation {kept} stays in force"
    message = f"{what}, name the approval in a new spec.changeTicket; {stays}"
    return Ruling(identity, Reason.TICKET_REQUIRED, message, kept=kept)

"""Between which currencies a source has rates, and where it newly meets what others guard. Pure.

fx prices a pair within one source, directly, inverted or through the base, and joins two sources at
the base of one of them (fx.domain.table). So a source is looked at as a set of currencies: all
pairs among them are its own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kurs.config.resources import FXRateSourceSpec
from kurs.kernel.currencies import by_code
from kurs_operator.conditions import ApprovedTerms
from kurs_operator.conflicts import RateClaim, claim_of

ANY = "*"
"""What stands for all currencies."""
Currencies = frozenset[str]


def serves(spec: FXRateSourceSpec) -> tuple[str, ...]:
    """Return the currencies of a source; of one whose answers may name more, any."""
    claim = claim_of(spec)
    assert isinstance(claim, RateClaim)
    return (ANY,) if claim.is_open else tuple(sorted({claim.base, *claim.quotes}))


def served(terms: ApprovedTerms) -> Currencies:
    """Return the currencies that a source had rates of when it was last in force."""
    return _meant(terms.serves) if terms.serves else guarded(terms)


def guarded(terms: ApprovedTerms) -> Currencies:
    """Return the currencies of a source at any time since its last ticket."""
    return _meant([ANY] if terms.others else (age.quote for age in terms.pairs))


def _meant(names: Iterable[str]) -> Currencies:
    known = frozenset(names)
    return frozenset(by_code()) if ANY in known else known


@dataclass(frozen=True)
class Served:
    """The sources in force, and those that may come back: the currencies of each, by uid.

    `bases` are those at which they can be joined: of what may come back, any that it had.
    """

    currencies: Mapping[str, Currencies]
    bases: Mapping[str, Currencies]

    @classmethod
    def by(
        cls, specs: Mapping[str, FXRateSourceSpec], approved: Mapping[str, ApprovedTerms]
    ) -> "Served":
        """Return what the sources of these specs serve, and others were `approved` with."""
        back = {uid: served(terms) for uid, terms in approved.items() if uid not in specs}
        now = {uid: _meant(serves(spec)) for uid, spec in specs.items()}
        bases = {uid: frozenset([spec.base_currency]) for uid, spec in specs.items()}
        return cls(back | now, back | bases)

    def shares(self, first: str, second: str) -> bool:
        """Tell whether two sources have a pair in common."""
        return len(self.currencies[first] & self.currencies[second]) > 1

    def joints(self, uid: str, before: Currencies) -> "list[Joint]":
        """Return where a source is joined to another by pairs that neither had `before`."""
        mine, joints = self.currencies[uid], []
        if mine <= before:
            return []
        for other, theirs in self.currencies.items():
            for base in (self.bases[uid] | self.bases[other]) & mine & theirs:
                near = mine - theirs - (before if base in before else frozenset())
                if near and not theirs <= mine:
                    joints.append(Joint(other, near, theirs - mine))
        return joints


@dataclass(frozen=True, slots=True)
class Joint:
    """Two sources that are joined at a currency: what one has, and what the other, alone."""

    other: str
    near: Currencies
    far: Currencies

    def is_between(self, currencies: Currencies) -> bool:
        """Tell whether it makes a pair of two of these currencies."""
        return not (self.near.isdisjoint(currencies) or self.far.isdisjoint(currencies))


def is_new_between(mine: Currencies, before: Currencies, theirs: Currencies) -> bool:
    """Tell whether a source has a pair of another's that it did not have before."""
    shared = mine & theirs
    return len(shared) > 1 and not shared <= before

"""What thresholds say of scores and blocked accounts, and whether an approved one is stated. Pure.

The points of a score count together: an approved score is stated by one threshold that is no laxer
in any part of it. Accounts are looked for on all lists together.
"""

from collections.abc import Iterable

from kurs.config.resources import RiskThresholdSpec
from kurs.kernel.accounts import bare
from kurs_operator.conditions import ApprovedBlocklist, ApprovedScore
from kurs_operator.limits import is_covered, lasts, until_of
from kurs_operator.loosening import is_looser


def scores_of(spec: RiskThresholdSpec) -> tuple[ApprovedScore, ...]:
    """Return the score of a spec; none in Shadow."""
    if spec.mode == "Shadow":
        return ()
    young = spec.new_account
    score = ApprovedScore(
        scope=spec.scope,
        until=until_of(spec),
        review=spec.score.review,
        decline=spec.score.decline,
        younger_than=young and young.max_age,
        points=young.points if young else 0,
    )
    return (score,)


def blocklist_of(spec: RiskThresholdSpec) -> ApprovedBlocklist | None:
    """Return the blocklist of a spec; none in Shadow."""
    if spec.mode == "Shadow" or spec.blocklist is None:
        return None
    accounts = spec.blocklist.accounts
    return ApprovedBlocklist(scope=spec.scope, until=until_of(spec), accounts=accounts)


def is_scored(approved: ApprovedScore, stated: Iterable[ApprovedScore]) -> bool:
    """Tell whether `stated` scores are no laxer than an approved one, for all of its scope."""
    return is_covered(approved.scope, (s.scope for s in stated if _is_as_strict(s, approved)))


def is_known_score(score: ApprovedScore, approved: Iterable[ApprovedScore]) -> bool:
    """Tell whether there is an approval, of whatever marks, for all that a score is about."""
    alike = (a.scope for a in approved if (a.younger_than is None) == (score.younger_than is None))
    return is_covered(score.scope, alike)


def takes_place_of_score(
    approved: ApprovedScore, stated: Iterable[ApprovedScore], known: Iterable[ApprovedScore]
) -> bool:
    """Tell whether a score of the same scope, with points for the young, is laxer and not known."""
    alike = [score for score in stated if _is_alike(score, approved)]
    new = not any(_is_alike(score, approved) for score in known)
    return bool(alike) and new and not is_scored(approved, alike)


def _is_alike(score: ApprovedScore, approved: ApprovedScore) -> bool:
    return score.scope == approved.scope and None not in (score.younger_than, approved.younger_than)


def let_through(approved: ApprovedBlocklist, stated: Iterable[ApprovedBlocklist]) -> list[str]:
    """Return the accounts of an approved list that are on none any more, somewhere in its scope."""
    lists = [known for known in stated if lasts(known.until, approved.until)]
    blocked: dict[str, list[ApprovedBlocklist]] = {}
    for known in lists:
        for account in known.accounts:
            blocked.setdefault(account, []).append(known)
    return [
        account
        for account in approved.accounts
        if not is_covered(
            approved.scope,
            (k.scope for name in (account, bare(account)) for k in blocked.get(name, ())),
        )
    ]


def described_score(score: ApprovedScore) -> str:
    """Return a score in words."""
    young = ""
    if score.younger_than is not None:
        young = f", with {score.points} points for accounts younger than {score.younger_than} s"
    return f"reviews from the score {score.review} and declines from {score.decline}{young}"


def _is_as_strict(score: ApprovedScore, approved: ApprovedScore) -> bool:
    return lasts(score.until, approved.until) and not (
        is_looser("Score.review", approved.review, score.review)
        or is_looser("Score.decline", approved.decline, score.decline)
        or is_looser("NewAccount.maxAge", approved.younger_than, score.younger_than)
        or is_looser("NewAccount.points", approved.points, score.points)
    )

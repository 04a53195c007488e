"""Loosening is judged on what is in force, whoever wrote which resource, since the last ticket."""

from typing import Any

import pytest
from tests.operator.builders import threshold
from tests.operator.small_cluster import Operator, SmallCluster, SmallPod

from kurs.config.resources import RiskDocument


@pytest.fixture
def cluster() -> SmallCluster:
    return SmallCluster([SmallPod("risk-0", "risk")])


def limit(bound: int, name: str = "limits", **spec: Any) -> dict[str, Any]:
    bounds = {"currency": "USD", "reviewAboveMinor": 1, "declineAboveMinor": bound}
    return threshold(name, perPayment=bounds, **spec)


def burst(count: int, window: str = "1h", name: str = "limits", **spec: Any) -> dict[str, Any]:
    rule = {"name": "burst", "window": window, "maxCount": count, "action": "Decline"}
    return threshold(name, perPayment=None, velocity=[rule], **spec)


class Desk:
    """Applies thresholds, and says what became of them."""

    def __init__(self, cluster: SmallCluster, operator: Operator) -> None:
        self.cluster = cluster
        self.operator = operator

    async def apply(self, *contents: Any) -> None:
        for content in contents:
            self.cluster.apply(content)
        await self.operator.settle()

    def accepted(self, name: str = "limits") -> tuple[str, str]:
        return self.cluster.condition(f"RiskThreshold/{name}", "Accepted")

    def message(self, name: str = "limits") -> str:
        conditions = self.cluster.status(f"RiskThreshold/{name}")["conditions"]
        return str(next(c["message"] for c in conditions if c["type"] == "Accepted"))

    def in_force(self) -> dict[str, int]:
        """Return the decline bound of each threshold in the document."""
        document = RiskDocument.model_validate_json(self.cluster.texts["kurs-risk-config"])
        return {
            t.name: t.spec.per_payment.decline_above_minor
            for t in document.payload.thresholds
            if t.spec.per_payment
        }


@pytest.fixture
def desk(cluster: SmallCluster, operator: Operator) -> Desk:
    return Desk(cluster, operator)


YES = ("True", "Accepted")
NO = ("False", "TicketRequired")


async def test_one_of_higher_priority_does_not_override_without_a_ticket(desk: Desk):
    await desk.apply(limit(100))
    await desk.apply(limit(10**12, "high", priority=900))

    assert (desk.accepted(), desk.accepted("high")) == (YES, NO)
    assert desk.in_force() == {"limits": 100}
    assert "RiskThreshold/limits declines above 100 minor units of USD" in desk.message("high")
    assert "it is not in force" in desk.message("high")

    await desk.apply(limit(10**12, "high", priority=900, changeTicket="CHG-1"))
    assert desk.accepted("high") == YES
    assert desk.in_force() == {"high": 10**12}
    again = Operator(desk.cluster, desk.operator.clock)
    await again.settle()
    await again.close()
    assert desk.accepted("high") == YES

    await desk.apply(limit(3 * 10**12, "high", priority=900, changeTicket="CHG-1"))
    assert desk.accepted("high") == NO
    assert desk.in_force() == {"high": 10**12}


async def test_doubling_counts_from_the_last_ticket(desk: Desk):
    for bound, ticket, ruling in (
        (100, None, YES), (200, None, YES), (400, None, NO), (401, "CHG-1", YES),
        (802, "CHG-1", YES), (1600, "CHG-1", NO), (1600, "CHG-2", YES), (3201, "CHG-1", NO),
    ):  # fmt: skip
        await desk.apply(limit(bound, changeTicket=ticket))
        assert desk.accepted() == ruling, (bound, ticket)
    assert desk.in_force() == {"limits": 1600}
    assert "generation 7 stays in force" in desk.message()


async def test_an_operator_that_starts_anew_counts_on(desk: Desk):
    await desk.apply(limit(100))
    await desk.apply(limit(200))
    await desk.operator.close()

    desk.operator = Operator(desk.cluster, desk.operator.clock)
    await desk.apply(limit(400))
    await desk.operator.close()

    assert desk.accepted() == NO


@pytest.mark.parametrize("text", ["please", "x", "approved-by-me"])
async def test_not_any_text_is_a_ticket(desk: Desk, text: str):
    await desk.apply(limit(100))
    await desk.apply(limit(1000, changeTicket=text))

    assert desk.accepted() == NO


@pytest.mark.parametrize(
    "looser",
    [
        threshold(perPayment=None), limit(100, scope={"currencies": ["USD"]}),
        limit(100, effectiveUntil="2027-01-01T00:00:00Z"),
        limit(100, effectiveFrom="2027-01-01T00:00:00Z"),
        limit(100, effectiveUntil="2025-01-01T00:00:00Z"),
        threshold(perPayment={"currency": "IDR", "reviewAboveMinor": 1, "declineAboveMinor": 9}),
    ],
)  # fmt: skip
async def test_every_way_out_of_force_needs_one(desk: Desk, looser: dict[str, Any]):
    await desk.apply(limit(100))
    await desk.apply(looser)

    assert desk.accepted() == NO
    assert desk.in_force() == {"limits": 100}


async def test_velocity_rules_are_limits_too(desk: Desk):
    for count, window, ruling in (
        (10, "1h", YES),
        (10, "59m", NO),
        (20, "2h", YES),
        (21, "2h", NO),
    ):
        await desk.apply(burst(count, window))
        assert desk.accepted() == ruling, (count, window)


def held_open(most: int, name: str = "limits", **spec: Any) -> dict[str, Any]:
    bound = {"currency": "USD", "maxMinor": most}
    return threshold(name, perPayment=None, **{"exposure": bound, **spec})


async def test_exposure_is_a_limit_like_the_others(desk: Desk):
    for most, ticket, verdict in (
        (100, None, YES), (200, None, YES), (201, None, NO), (201, "CHG-1", YES), (403, None, NO),
    ):  # fmt: skip
        await desk.apply(held_open(most, changeTicket=ticket))
        assert desk.accepted() == verdict, (most, ticket)
    assert "declines above 201 minor units of USD held open by a merchant" in desk.message()


@pytest.mark.parametrize(
    "looser",
    [
        threshold(perPayment=None, newAccount={"maxAge": "1h", "points": 1}), limit(100),
        held_open(100, exposure={"currency": "IDR", "maxMinor": 100}),
        held_open(100, scope={"currencies": ["USD"]}),
        held_open(100, onMissingData="Allow"),
    ],
)  # fmt: skip
async def test_exposure_does_not_end_without_a_ticket(desk: Desk, looser: dict[str, Any]):
    await desk.apply(held_open(100))
    await desk.apply(looser)

    assert desk.accepted() == NO


async def test_one_of_higher_priority_does_not_override_exposure(desk: Desk):
    await desk.apply(held_open(100))
    await desk.apply(held_open(10**12, "high", priority=900))

    assert (desk.accepted(), desk.accepted("high")) == (YES, NO)


async def test_a_limit_declines_without_a_rate_until_a_ticket_says_otherwise(desk: Desk):
    for missing, ticket, verdict in (
        ("Decline", None, YES), ("Review", None, NO), ("Allow", "CHG-1", YES),
        ("Decline", None, YES), ("Allow", None, YES),
    ):  # fmt: skip
        await desk.apply(limit(100, onMissingData=missing, changeTicket=ticket))
        assert desk.accepted() == verdict, (missing, ticket)


async def test_an_exposure_from_before_it_was_judged_is_approved_as_it_is(desk: Desk):
    await desk.apply(held_open(100))
    stored = desk.cluster.bodies["RiskThreshold/limits"]["status"]["approved"]
    stored["limits"] = []
    await desk.operator.settle()
    await desk.apply(held_open(300))

    assert desk.accepted() == NO


async def test_a_limit_may_move_to_others_that_state_it_together(desk: Desk):
    both = {"currencies": ["USD", "IDR"]}
    await desk.apply(limit(100, scope=both))
    await desk.apply(
        limit(100, "dollars", scope={"currencies": ["USD"]}),
        limit(150, "rupiah", scope={"currencies": ["IDR"]}),
    )
    await desk.apply(threshold(perPayment=None, scope=both))

    assert desk.accepted() == YES
    assert set(desk.in_force()) == {"dollars", "rupiah"}


async def test_brakes_ask_for_nothing_and_blame_nobody(desk: Desk):
    await desk.apply(limit(100), limit(7, "other", scope={"currencies": ["IDR"]}))
    for braked in (limit(100, suspend=True), limit(100, mode="Shadow")):
        await desk.apply(braked)
        assert desk.accepted()[0] == "True"
        await desk.apply(limit(8, "other", scope={"currencies": ["IDR"]}))
        assert desk.accepted("other") == YES

    await desk.apply(limit(10_000))
    assert desk.accepted() == NO
    await desk.apply(limit(150))
    assert desk.accepted() == YES

    desk.cluster.delete("RiskThreshold/limits")
    await desk.apply(limit(9, "other", scope={"currencies": ["IDR"]}))
    assert desk.accepted("other") == YES


async def test_nothing_large_drives_a_limit_out_of_the_document(desk: Desk):
    await desk.apply(limit(100))
    flood = [
        threshold(
            f"list-{n}",
            priority=900,
            mode="Shadow",
            perPayment=None,
            blocklist={"accounts": [f"ACC_{n:02}_{i:04}".ljust(64, "x") for i in range(2000)]},
        )
        for n in range(8)
    ]
    await desk.apply(*flood)

    assert desk.accepted() == YES
    assert desk.in_force() == {"limits": 100}


async def test_what_was_in_force_before_there_were_approvals_is_approved(desk: Desk):
    await desk.apply(limit(100, changeTicket="CHG-1"))
    del desk.cluster.bodies["RiskThreshold/limits"]["status"]["approved"]
    await desk.operator.settle()
    await desk.apply(limit(300, changeTicket="CHG-1"))

    assert desk.accepted() == NO
    assert desk.cluster.status("RiskThreshold/limits")["approved"]["tickets"] == ["CHG-1"]


RULE = {"name": "burst", "window": "1h", "maxCount": 10, "action": "Review"}
SCREEN: dict[str, Any] = {
    "perPayment": {"currency": "USD", "reviewAboveMinor": 100, "declineAboveMinor": 1000},
    "velocity": [RULE],
    "newAccount": {"maxAge": "24h", "points": 20},
    "score": {"review": 50, "decline": 80},
    "blocklist": {"accounts": ["shop/a", "b"]},
}


@pytest.mark.parametrize(
    ("field", "looser", "what"),
    [
        ("perPayment", {**SCREEN["perPayment"], "reviewAboveMinor": 201}, "reviews above 100"),
        ("velocity", [{**RULE, "maxCount": 21}], "reviews above 10 within 3600 s"),
        ("velocity", [{**RULE, "window": "59m"}], "reviews above 10 within 3600 s"),
        ("velocity", [], "reviews above 10 within 3600 s"),
        ("newAccount", {"maxAge": "23h", "points": 20}, "20 points"),
        ("newAccount", {"maxAge": "24h", "points": 19}, "20 points"),
        ("newAccount", None, "younger than 86400 s"),
        ("score", {"review": 51, "decline": 80}, "reviews from the score 50"),
        ("score", {"review": 50, "decline": 81}, "declines from 80"),
        ("blocklist", {"accounts": ["shop/a", "other/b"]}, "blocks b"),
        ("blocklist", None, "blocks shop/a, b"),
    ],
)  # fmt: skip
async def test_reviews_scores_and_blocklists_are_judged_like_limits(
    desk: Desk, field: str, looser: Any, what: str
):
    await desk.apply(threshold(**SCREEN))
    await desk.apply(threshold(**{**SCREEN, field: looser}))
    assert desk.accepted() == NO
    assert what in desk.message()

    await desk.apply(threshold(**{**SCREEN, field: looser, "changeTicket": "CHG-1"}))
    assert desk.accepted() == YES


async def test_what_is_stricter_asks_for_nothing(desk: Desk):
    await desk.apply(threshold(**SCREEN))
    stricter = {
        "perPayment": {"currency": "USD", "reviewAboveMinor": 200, "declineAboveMinor": 200},
        "velocity": [{**RULE, "name": "other", "window": "2h", "action": "Decline"}],
        "newAccount": {"maxAge": "25h", "points": 21},
        "score": {"review": 40, "decline": 40},
        "blocklist": {"accounts": ["a", "b", "c"]},
    }
    await desk.apply(threshold(**stricter))

    assert desk.accepted() == YES


async def test_a_blocked_account_may_move_to_the_list_of_another(desk: Desk):
    await desk.apply(threshold(**SCREEN))
    moved = {"accounts": ["shop/a", "b"]}
    await desk.apply(threshold("list", perPayment=None, blocklist=moved))
    await desk.apply(threshold(**{**SCREEN, "blocklist": None}))
    assert desk.accepted() == YES

    await desk.apply(threshold("list", perPayment=None, blocklist={"accounts": ["b"]}))
    assert desk.accepted("list") == NO


async def test_an_override_that_is_announced_is_judged_before_it_begins(desk: Desk):
    await desk.apply(limit(100))
    later = {"priority": 900, "effectiveFrom": "2030-01-01T00:00:00Z"}
    await desk.apply(limit(10**12, "high", **later))
    assert (desk.accepted(), desk.accepted("high")) == (YES, NO)
    assert desk.in_force() == {"limits": 100}

    await desk.apply(limit(10**12, "high", **later, changeTicket="CHG-1"))
    assert desk.accepted("high") == ("True", "NotYetEffective")

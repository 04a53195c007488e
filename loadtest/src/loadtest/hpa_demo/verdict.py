"""What the demo comes to: did it scale out and in, and is every payment where it belongs?"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kurs.kernel.money import format_amount, parse_amount
from loadtest.hpa_demo.plan import AMOUNTS, PAYERS
from loadtest.hpa_demo.series import Limits, Sample, peak

SHOWCASE = "payments"
"""The service that has to scale out."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What the load did; `dropped` payments were never begun, since too many were under way."""

    begun: int
    captured: Mapping[str, int]
    failed: int
    unresolved: int
    dropped: int

    @property
    def paid(self) -> int:
        """Payments captured in all currencies."""
        return sum(self.captured.values())


def counts_in(log: str) -> Counts | None:
    """Return the counts of a load's log, None when it holds none."""
    for line in reversed(log.splitlines()):
        if line.startswith("summary "):
            return Counts(**json.loads(line.removeprefix("summary ")))
    return None


def complaints(
    samples: Sequence[Sample],
    limits: Mapping[str, Limits],
    at_least: int,
) -> list[str]:
    """Return what the autoscalers did not do."""
    found = []
    most, wanted = peak(samples, SHOWCASE), scale_needed(limits[SHOWCASE], at_least)
    if most < wanted:
        found.append(f"{SHOWCASE} scaled out to {most} pods only, not to {wanted}")
    for service, limit in limits.items():
        last = samples[-1].services[service] if samples else None
        if last is None or not is_at_rest(samples[-1], {service: limit}):
            wants = "nothing was seen of it" if last is None else f"it still has {last.ready} pods"
            found.append(f"{service} did not scale back in to {limit.least}: {wants}")
    return found


def money_complaints(
    counts: Counts, left: Mapping[str, int], funded_times: int, unbalanced: Sequence[str]
) -> list[str]:
    """Return what is wrong with the payments.

    `left` is what all payers together have left, in minor units by currency; each of them was
    funded for `funded_times` payments.
    """
    found = []
    if not counts.paid:
        found.append("nothing was paid")
    if counts.failed:
        found.append(f"{counts.failed} payments failed")
    if lost := counts.begun - counts.paid - counts.failed:
        found.append(f"{lost} payments got no final status")
    for currency, amount in AMOUNTS.items():
        each = parse_amount(amount, currency)
        due = each * (PAYERS * funded_times - counts.captured.get(currency, 0))
        if left.get(currency, 0) != due:
            has, must = (format_amount(minor, currency) for minor in (left.get(currency, 0), due))
            found.append(f"lost or moved twice: payers have {has} {currency}, it must be {must}")
    if unbalanced:
        found.append(f"the ledger does not sum to zero in {', '.join(unbalanced)}")
    return found


def scale_needed(limit: Limits, at_least: int) -> int:
    """Return how many pods there have to be for a service to have scaled out."""
    return max(at_least, limit.least + 1)


def is_at_rest(sample: Sample, limits: Mapping[str, Limits]) -> bool:
    """Tell whether each service has as many pods as without load, and all of them serve."""
    return all(
        sample.services[service].wanted == sample.services[service].ready == limit.least
        for service, limit in limits.items()
    )

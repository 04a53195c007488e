"""What shadow thresholds would have decided, for the operator to add up over the pods."""

from collections import Counter

from kurs.config.reports import ResourceReport
from kurs.config.resources import RiskDocument, RiskThresholdSpec


class ShadowTally:
    """Counts by threshold and outcome, from when the threshold in force got its present content."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[str]] = {}
        self._specs: dict[str, RiskThresholdSpec] = {}

    def apply(self, document: RiskDocument) -> None:
        """Begin anew for what a document changes, and forget what it has no more."""
        specs = {t.name: t.spec for t in document.payload.thresholds if t.spec.mode == "Shadow"}
        same = {name for name, spec in specs.items() if self._specs.get(name) == spec}
        self._counts = {n: self._counts[n] if n in same else Counter() for n in specs}
        self._specs = specs

    def count(self, threshold: str, outcome: str) -> None:
        """Count what a threshold would have decided."""
        counts = self._counts.get(threshold)
        if counts is not None:
            counts[outcome] += 1

    def reports(self) -> list[ResourceReport]:
        """Say of each shadow threshold how often it would have decided what."""
        return [
            ResourceReport(kind="RiskThreshold", name=name, decisions=dict(counts))
            for name, counts in sorted(self._counts.items())
        ]

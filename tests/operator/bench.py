"""Edits of resources one after the other, as the operator judges them, without a cluster."""

import re
from collections.abc import Mapping
from typing import Any

from tests.operator.builders import NOW

from kurs.config.resources import Document
from kurs.kernel.clock import MICROS, to_rfc3339
from kurs_operator.approvals import compile_approved
from kurs_operator.judging import Approvals
from kurs_operator.ruling import Reason, Ruling
from kurs_operator.settings import CHANGE_TICKET


class Bench:
    """Keeps what an operator keeps: resources, their approvals, and the documents in force."""

    def __init__(self) -> None:
        self.now = NOW
        self.contents: dict[str, dict[str, Any]] = {}
        self.approvals: dict[str, Any] = {}
        self.documents: list[Document] = []
        self.rulings: Mapping[str, Ruling] = {}

    def apply(self, *contents: Mapping[str, Any]) -> Reason:
        """Apply resources at once; return the ruling on the last one's newest generation."""
        for content in contents:
            name = content["metadata"]["name"]
            before = self.contents.get(name, {"metadata": {"generation": 0}, "spec": None})
            generation = before["metadata"]["generation"] + (content["spec"] != before["spec"])
            created = before["metadata"].get("creationTimestamp", to_rfc3339(self.now))
            metadata = {"name": name, "uid": f"uid-{name}", "generation": generation}
            metadata["creationTimestamp"] = created
            self.contents[name] = {**content, "metadata": metadata}
        self.settle()
        return self.ruling(name)

    def pass_a_day(self) -> None:
        """Let what is there be older than what comes."""
        self.now += 86_400 * MICROS

    def delete(self, name: str) -> None:
        """Take a resource out, and its approval with it."""
        del self.contents[name]
        self.approvals.pop(f"uid-{name}", None)
        self.settle()

    def settle(self) -> None:
        """Judge what is there."""
        found = compile_approved(
            self.contents.values(),
            self._approvals(),
            self.documents,
            now=self.now,
            ticket=re.compile(CHANGE_TICKET),
        )
        self.approvals |= found.approvals
        self.documents = list(found.compilation.documents.values())
        rulings = {r.identity.name: r for r in found.compilation.rulings}
        self.rulings = rulings | {r.identity.name: r for r in found.refused.values()}

    def ruling(self, name: str) -> Reason:
        return self.rulings[name].reason

    def in_force(self) -> dict[str, int]:
        """Return the generation of each resource in a document."""
        return {s.name: s.generation for d in self.documents for s in d.sources}

    def _approvals(self) -> Approvals:
        return dict(self.approvals)

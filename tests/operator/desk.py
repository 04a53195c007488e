"""The local operator over folders of a test, and what it said."""

from pathlib import Path
from typing import Any

import yaml
from tests.operator.builders import NOW, rate_source

from kurs.config.resources import FxDocument, RiskDocument
from kurs_operator.local import LocalOperator
from kurs_testing.clock import ManualClock


class Desk:
    """A folder of samples, the operator over it, and what it said."""

    def __init__(self, folder: Path) -> None:
        self.samples = folder / "samples"
        self.samples.mkdir()
        self.destinations = folder / "destinations"
        self.destinations.mkdir()
        self.out = folder / "config"
        self.clock = ManualClock(NOW)
        self.said: list[str] = []
        self.operator = self.restart()

    def restart(self) -> LocalOperator:
        self.operator = LocalOperator(
            [self.samples],
            self.out,
            say=self.said.append,
            destinations=self.destinations,
            clock=self.clock,
        )
        return self.operator

    def write(self, name: str, *contents: Any) -> Path:
        return self.write_text(name, yaml.safe_dump_all(contents))

    def write_text(self, name: str, text: str) -> Path:
        # By rename, as editors do, so that every edit has another inode whatever its time.
        draft = self.samples / f".{name}.draft"
        draft.write_text(text)
        return draft.replace(self.samples / name)

    def step(self) -> bool:
        self.said.clear()
        return self.operator.step()

    @property
    def fx(self) -> FxDocument:
        return FxDocument.model_validate_json((self.out / "fx" / "config.json").read_text())

    @property
    def risk(self) -> RiskDocument:
        return RiskDocument.model_validate_json((self.out / "risk" / "config.json").read_text())

    def spread(self) -> int:
        [source] = self.fx.payload.rate_sources
        return source.spec.pairs[0].spread_bps

    def heard(self, *parts: str) -> bool:
        return any(all(part in line for part in parts) for line in self.said)


def spread(bps: Any, name: str = "desk") -> dict[str, Any]:
    """Return a rate source with this spread."""
    return rate_source(name, pairs=[{"quote": "IDR", "spreadBps": bps}])

"""An earlier run's figures, as `--save` or `--json` wrote them, and what has become of them since.

Two runs are two moments of a machine: where the naive chain was measured in both, its own change
is taken out.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from loadtest.bench.case import NAIVE, Case

_MAX_BYTES = 1_000_000
NOISE = 0.03
"""What two runs of the same code differ by on a quiet machine; less is called the same."""


class _Latency(BaseModel):
    p95: float = Field(ge=0)


class _Figures(BaseModel):
    system: str
    clients: int
    cpu_ms_per_payment: float = Field(ge=0)
    latency_ms: _Latency


class _Run(BaseModel):
    cases: list[_Figures]


class BaselineError(Exception):
    """The file holds no figures of an earlier run."""


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a case: its figures over those of the earlier run, 1.0 if they are equal.

    `steadied` says that the naive chain's own change was taken out.
    """

    case: Case
    cpu: float
    p95: float
    steadied: bool

    def __str__(self) -> str:
        compared = "against the naive chain of each run" if self.steadied else "as measured"
        return (
            f"{self.case.system}, {self.case.clients} clients: CPU {_change(self.cpu)}, "
            f"p95 {_change(self.p95)} ({compared})"
        )


def read_baseline(file: Path) -> dict[tuple[str, int], _Figures]:
    """Return the figures of an earlier run by system and clients; raises BaselineError."""
    try:
        with file.open("rb") as opened:
            content = opened.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise BaselineError(f"{file} has more than {_MAX_BYTES} bytes")
        run = _Run.model_validate(json.loads(content))
    except OSError as error:
        raise BaselineError(f"{file}: {error.strerror}") from error
    except (ValidationError, ValueError, RecursionError) as error:
        raise BaselineError(f"{file} was not written by bench --save") from error
    return {(figures.system, figures.clients): figures for figures in run.cases}


def changes(cases: list[Case], base: dict[tuple[str, int], _Figures]) -> list[Change]:
    """Return what became of each case that the earlier run had, too."""
    chains = {case.clients: case for case in cases if case.system == NAIVE}
    found = []
    for case in cases:
        before = base.get((case.system, case.clients))
        if before is None or case.system == NAIVE or not case.load.payments:
            continue
        cpu = _over(case.cpu_ms, before.cpu_ms_per_payment)
        p95 = _over(case.load.latency.p95, before.latency_ms.p95)
        chain, chain_before = chains.get(case.clients), base.get((NAIVE, case.clients))
        steadied = chain is not None and chain_before is not None
        if chain is not None and chain_before is not None:
            cpu /= _over(chain.cpu_ms, chain_before.cpu_ms_per_payment)
            p95 /= _over(chain.load.latency.p95, chain_before.latency_ms.p95)
        found.append(Change(case, cpu, p95, steadied))
    return found


def _over(now: float, before: float) -> float:
    return now / before if now and before else 1.0


def _change(ratio: float) -> str:
    if abs(ratio - 1) < NOISE:
        return "the same"
    return f"{abs(ratio - 1):.0%} {'worse' if ratio > 1 else 'better'}"

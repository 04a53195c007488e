"""docs/api.md names every problem code and failure code that the code has, and no other."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import api_gateway
import fx
import kurs
import payments
import risk
import wallet
import webhooks
from kurs.kernel.errors import Problem
from payments.domain.failure import FailureCode

API = Path(__file__).parents[1] / "docs" / "api.md"
_SKIPPED = ("__main__", "versions", ".env", "testing")


def table(heading: str) -> set[str]:
    """Return the codes in the first column of the table under a heading."""
    section = API.read_text("utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return set(re.findall(r"^\| `([a-z_]+)`", section, re.MULTILINE))


def problems() -> set[str]:
    for package in (kurs, api_gateway, payments, fx, wallet, risk, webhooks):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not any(part in module.name for part in _SKIPPED):
                importlib.import_module(module.name)
    return {problem.code for problem in descendants(Problem)}


def descendants(problem: type[Problem]) -> Iterator[type[Problem]]:
    for child in problem.__subclasses__():
        yield child
        yield from descendants(child)


def test_every_failure_code_is_documented() -> None:
    assert table("Failure codes") == {code.value for code in FailureCode}


def test_every_problem_code_is_documented() -> None:
    own = {"amount_malformed", "amount_not_positive", "amount_too_precise", "amount_too_large"}
    assert table("Problem codes") == problems() | own

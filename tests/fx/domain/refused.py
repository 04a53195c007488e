"""A refusal of the domain that has to have a code."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from fx.domain.refusals import Refusal
from kurs.contracts.fx import Code


@contextmanager
def refused(code: Code, match: str | None = None) -> Iterator[pytest.ExceptionInfo[Refusal]]:
    with pytest.raises(Refusal, match=match) as refusal:
        yield refusal
    assert refusal.value.code is code

"""A setting under a name that it no longer has is refused: it would silently not be set."""

from collections.abc import Callable

import pytest

from kurs.kernel.settings import RENAMED, CannotRun, ServiceSettings


@pytest.mark.parametrize("written", [str.upper, str.lower, str.title])
@pytest.mark.parametrize(("former", "name"), RENAMED.items())
def test_a_former_name_is_refused_with_the_one_that_it_has(
    former: str, name: str, written: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(written(former), "1")

    with pytest.raises(CannotRun, match=f"{written(former)} is not read any more: set {name}$"):
        ServiceSettings()

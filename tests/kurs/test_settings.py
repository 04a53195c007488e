"""A setting under a name that it no longer has is refused: it would silently not be set."""

import pytest

from kurs.kernel.settings import RENAMED, CannotRun, ServiceSettings


@pytest.mark.parametrize(("former", "name"), RENAMED.items())
def test_a_former_name_is_refused_with_the_one_that_it_has(
    former: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(former, "1")

    with pytest.raises(CannotRun, match=f"{former} is not read any more: set {name}$"):
        ServiceSettings()

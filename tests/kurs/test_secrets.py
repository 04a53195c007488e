"""Secrets that resources ask for."""

from pathlib import Path

import pytest

from kurs.config.secrets import Secrets, SecretUnusable, variable

SECRET = "s3cr3t-value"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rates-api").mkdir()
    (tmp_path / "rates-api" / "token").write_text(SECRET + "\n")
    (tmp_path / "outside").write_text("not a secret")
    return tmp_path


def test_a_mounted_file_holds_the_value(folder: Path) -> None:
    assert Secrets(folder, {}).read("rates-api", "token").value == SECRET


def test_a_rotated_file_is_read_anew(folder: Path) -> None:
    secrets = Secrets(folder, {})
    secrets.read("rates-api", "token")
    (folder / "rates-api" / "token").write_text("next")

    assert secrets.read("rates-api", "token").value == "next"


def test_a_variable_stands_in_for_a_file(folder: Path) -> None:
    environment = {"KURS_SECRET_RATES_API_API_KEY": "from-variable"}

    assert variable("rates-api", "api.key") == "KURS_SECRET_RATES_API_API_KEY"
    assert Secrets(folder, environment).read("rates-api", "api.key").value == "from-variable"


@pytest.mark.parametrize(
    ("name", "key"),
    [("rates-api", "absent"), ("absent", "token"), ("rates-api", ".."), ("..", "outside"),
     (".", "outside"), ("rates-api", "../outside"), ("rates-api", "")],
)  # fmt: skip
def test_what_is_no_key_of_a_secret_is_refused(folder: Path, name: str, key: str) -> None:
    with pytest.raises(SecretUnusable):
        Secrets(folder, {}).read(name, key)


@pytest.mark.parametrize("value", ["", "   ", "two\nlines", "tab\tbed", "café"])
def test_a_value_that_no_header_can_carry_is_refused_unsaid(folder: Path, value: str) -> None:
    (folder / "rates-api" / "token").write_text(value)

    with pytest.raises(SecretUnusable) as error:
        Secrets(folder, {}).read("rates-api", "token")

    assert str(error.value) == (
        "the key token of secret rates-api is empty or no text that a header can carry"
    )

"""Secrets that resources ask for."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from kurs.config import secrets as module
from kurs.config.secrets import Secret, Secrets, SecretUnusable, variable
from kurs_testing.waiting import eventually

SECRET = "s3cr3t-value"


class CountedSecrets(Secrets):
    """Notes the key of each reading."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        super().__init__(folder, environment)
        self.reads: list[str] = []

    def read(self, name: str, key: str) -> Secret:
        self.reads.append(key)
        return super().read(name, key)


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


async def test_a_secret_is_fetched_as_it_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = Secrets(folder, {})
    assert (await secrets.fetch("rates-api", "token")).value == SECRET
    (folder / "rates-api" / "token").write_text("next")
    assert (await secrets.fetch("rates-api", "token")).value == "next"
    (folder / "rates-api" / "token").unlink()
    with pytest.raises(SecretUnusable, match="is not there"):
        await secrets.fetch("rates-api", "token")
    os.mkfifo(folder / "rates-api" / "token")
    monkeypatch.setattr(module, "_FIRST_SECONDS", 0.01)
    # What it held before it went is known no more.
    with pytest.raises(SecretUnusable, match="cannot be read in time"):
        await secrets.fetch("rates-api", "token")
    (folder / "rates-api" / "token").open("w").close()


async def test_a_file_that_does_not_answer_holds_nobody(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe without a writer stands for a file system that hangs: who opens it waits."""
    secrets = CountedSecrets(folder, {})
    token, new = folder / "rates-api" / "token", folder / "rates-api" / "new"
    await secrets.fetch("rates-api", "token")
    secrets.reads.clear()
    for name in ("_PATIENCE_SECONDS", "_FIRST_SECONDS"):
        monkeypatch.setattr(module, name, 0.01)
    token.unlink()
    with pipes(token, new):
        last = await asyncio.gather(*(secrets.fetch("rates-api", "token") for _ in range(50)))

        assert {secret.value for secret in last} == {SECRET}
        with pytest.raises(SecretUnusable, match="cannot be read in time"):
            await secrets.fetch("rates-api", "new")
        # Each once, whoever asks.
        assert sorted(secrets.reads) == ["new", "token"]
        for pipe in (token, new):
            await asyncio.to_thread(pipe.write_text, "rotated")

            async def is_rotated(key: str = pipe.name) -> bool:
                with suppress(SecretUnusable):
                    return (await secrets.fetch("rates-api", key)).value == "rotated"
                return False

            await eventually(is_rotated)


@contextmanager
def pipes(*paths: Path) -> Iterator[None]:
    """Have pipes without writers at these paths; in the end nobody waits at one of them."""
    for path in paths:
        os.mkfifo(path)
    try:
        yield
    finally:
        for path in paths:
            # Whoever waits for a writer reads nothing, and whoever comes finds no file.
            both_ends = os.open(path, os.O_RDWR | os.O_NONBLOCK)
            path.unlink()
            os.close(both_ends)

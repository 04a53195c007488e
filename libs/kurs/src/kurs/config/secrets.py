"""A secret that a resource asks for: a mounted file, or a variable of the environment."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

MAX_BYTES = 8 * 1024
_HEADER_VALUE = re.compile(r"[\x20-\x7e]+")


class SecretUnusable(Exception):
    """There is no such secret, or none of the expected form; the message never quotes it."""


@dataclass(frozen=True, slots=True)
class Secret:
    """The value of one key of the secret called `name`."""

    name: str
    value: str = field(repr=False)


class Secrets:
    """Finds `<folder>/<name>/<key>`, else `KURS_SECRET_<NAME>_<KEY>`.

    Values are read anew each time, so that a rotated one is used at once, and are never kept
    in a message, a log or a repr.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str] = os.environ) -> None:
        self._folder = folder
        self._environment = environment

    def read(self, name: str, key: str) -> Secret:
        """Return the value as a header can carry it; raises SecretUnusable naming the reference."""
        value = self._from_file(name, key)
        if value is None:
            value = self._environment.get(variable(name, key))
        if value is None:
            raise _wrong(name, key, "is not there")
        value = value.strip()
        if not _HEADER_VALUE.fullmatch(value):
            raise _wrong(name, key, "is empty or no text that a header can carry")
        return Secret(name, value)

    def _from_file(self, name: str, key: str) -> str | None:
        # A key may hold dots, and must not climb out of its secret with them.
        if name in ("", ".", "..") or key in ("", ".", "..") or "/" in name + key:
            raise _wrong(name, key, "is no secret's key")
        try:
            with (self._folder / name / key).open("rb") as file:
                return file.read(MAX_BYTES).decode()
        except UnicodeDecodeError:
            raise _wrong(name, key, "is no text") from None
        except OSError:
            return None


def variable(name: str, key: str) -> str:
    """Return the environment variable of a reference: `KURS_SECRET_RATES_API_KEY`."""
    return "KURS_SECRET_" + re.sub(r"[^A-Z0-9]", "_", f"{name}_{key}".upper())


def _wrong(name: str, key: str, what: str) -> SecretUnusable:
    return SecretUnusable(f"the key {key} of secret {name} {what}")

"""The keys that the gateway accepts: a JSON file, read again whenever it changes.

The file is a list of `{"id", "merchant", "roles", "sha256"}`, with a `rate` of its own where a key
may do more or less than others. The last good list stays in force
when an edit breaks the file or the file disappears; both are logged and counted. To take keys
away, write a list without them.
"""

import hmac
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
)

from api_gateway.key_text import KEY_ID_PATTERN, digest, key_id_of
from api_gateway.rate_limit import KEY, Quota
from kurs.ids import MerchantId
from kurs.roles import Role

KEYS_PER_MERCHANT = 2
"""Live keys of one merchant: the one in use, and the next one while it is being rolled out."""


class KeyEntry(BaseModel):
    """What is stored of one key; its text is not."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=rf"^{KEY_ID_PATTERN}$")]
    merchant: MerchantId
    roles: Annotated[tuple[Role, ...], Field(min_length=1)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    rate: str | None = None

    @field_validator("rate")
    @classmethod
    def _known_notation(cls, text: str | None) -> str | None:
        if text is not None:
            Quota(text, KEY)
        return text


class InvalidKeysFile(ValueError):
    """The keys file cannot be read; the message says where and quotes no digest."""


_ENTRIES = TypeAdapter(list[KeyEntry])


def read_entries(path: Path) -> list[KeyEntry]:
    """Return the entries of a keys file; raises InvalidKeysFile."""
    try:
        entries = _ENTRIES.validate_json(path.read_bytes())
    except OSError as error:
        raise InvalidKeysFile(f"{path}: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidKeysFile(f"{path}: {where or 'the file'}: {first['msg']}") from None
    twice = [key_id for key_id, n in Counter(e.id for e in entries).items() if n > 1]
    if twice:
        raise InvalidKeysFile(f"{path}: the key id {twice[0]} occurs twice")
    return entries


def render_entries(entries: Iterable[KeyEntry]) -> str:
    """Return the text of a keys file with these entries."""
    return json.dumps([entry.model_dump(exclude_none=True) for entry in entries], indent=2) + "\n"


class AcceptedKey:
    """A key that proved itself, with what the hot path needs of it computed once."""

    __slots__ = ("entry", "identity_headers", "merchant", "quota", "roles")

    def __init__(self, entry: KeyEntry) -> None:
        self.entry = entry
        self.merchant = entry.merchant
        self.roles = frozenset(entry.roles)
        self.quota = Quota(entry.rate, KEY) if entry.rate else None
        self.identity_headers = (
            ("X-Kurs-Merchant", entry.merchant),
            ("X-Kurs-Key-Id", entry.id),
            ("X-Kurs-Roles", ",".join(sorted(self.roles))),
        )


class KeyStore:
    """The accepted keys by id, and the file they come from."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int, int] | None = None
        self._keys: dict[str, AcceptedKey] = {}
        self.loaded = False
        self.error = ""

    def __len__(self) -> int:
        return len(self._keys)

    def reload_if_changed(self) -> bool:
        """Read the file if it is another one than last time; return whether keys were replaced.

        Never raises for a broken file: `error` says what is wrong with it ("" when nothing is).
        """
        stamp = self._current_stamp()
        if stamp is not None and stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            entries = read_entries(self._path)
        except InvalidKeysFile as error:
            self.error = str(error)
            return False
        self._keys = {entry.id: AcceptedKey(entry) for entry in entries}
        self.loaded = True
        self.error = ""
        return True

    def verify(self, text: str) -> AcceptedKey | None:
        """Return the key with this text, or None when there is none (any more).

        Raises MalformedKey for text that cannot be a key.
        """
        key = self._keys.get(key_id_of(text))
        if key is None or not hmac.compare_digest(digest(text), key.entry.sha256):
            return None
        return key

    def _current_stamp(self) -> tuple[int, int, int] | None:
        # The inode is part of it: a file replaced within the clock's granularity, and a
        # Kubernetes secret (a swapped symbolic link), keep size and time now and then.
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size

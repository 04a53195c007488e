"""The keys that the gateway accepts: those of its keys file, read again whenever it changes.

The last good list stays in force when an edit breaks the file or the file disappears; both are
logged and counted. To take keys away, write a list without them. A role that only the platform's
merchants may have does not count on the key of another; the rest of that key does, so that a slip
in one entry takes no merchant's payments away.
"""

import hmac
from collections.abc import Collection, Iterable
from pathlib import Path

from api_gateway.client_address import Address
from api_gateway.key_entry import InvalidKeysFile, KeyEntry, read_entries
from api_gateway.key_text import digest, key_id_of
from api_gateway.rate_limit import KEY, Quota
from kurs.kernel.files import WatchedFile

_MICROS = 1_000_000


class AcceptedKey:
    """A key that proved itself, with what the hot path needs of it computed once."""

    __slots__ = (
        "actor",
        "ends_at",
        "entry",
        "identity_headers",
        "merchant",
        "networks",
        "quota",
        "roles",
    )

    def __init__(self, entry: KeyEntry, *, platform: bool) -> None:
        self.entry = entry
        self.merchant = entry.merchant
        self.actor = f"{entry.merchant}/{entry.id}"
        self.roles = entry.roles_for(platform=platform)
        self.quota = Quota(entry.rate, KEY) if entry.rate else None
        self.networks = entry.networks()
        self.ends_at = (
            round(entry.not_after.timestamp() * _MICROS) if entry.not_after is not None else None
        )
        self.identity_headers = (
            ("X-Kurs-Merchant", entry.merchant),
            ("X-Kurs-Key-Id", entry.id),
            ("X-Kurs-Roles", ",".join(sorted(self.roles))),
        )

    def expired(self, now: int) -> bool:
        """Whether the key has ended at `now` (microseconds since the epoch)."""
        return self.ends_at is not None and now >= self.ends_at

    def may_come_from(self, address: Address | None) -> bool:
        """Whether the key may be used from an address; one that is not known is in no network."""
        return not self.networks or (
            address is not None and any(address in network for network in self.networks)
        )

    def refused_roles(self) -> list[str]:
        """Return the roles of the entry that do not count, since its merchant may not have them."""
        return [role for role in self.entry.roles if role != "operate" and role not in self.roles]


class KeyStore:
    """The accepted keys by id, and the file they come from."""

    def __init__(self, path: Path, platform_merchants: Collection[str] = ()) -> None:
        self._file = WatchedFile(path)
        self._platform = frozenset(platform_merchants)
        self._keys: dict[str, AcceptedKey] = {}
        self.loaded = False
        self.error = ""

    def __len__(self) -> int:
        return len(self._keys)

    def all(self) -> Iterable[AcceptedKey]:
        """Return the keys of the file."""
        return self._keys.values()

    def find(self, key_id: str) -> AcceptedKey | None:
        """Return the key of an id as it is now."""
        return self._keys.get(key_id)

    def reload_if_changed(self) -> bool:
        """Read the file if it is another one than last time; return whether keys were replaced.

        Never raises for a broken file: `error` says what is wrong with it ("" when nothing is).
        """
        if not self._file.changed():
            return False
        try:
            entries = read_entries(self._file.path)
        except InvalidKeysFile as error:
            self.error = str(error)
            return False
        self._keys = {
            entry.id: AcceptedKey(entry, platform=entry.merchant in self._platform)
            for entry in entries
        }
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

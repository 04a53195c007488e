"""Who calls: from the `Authorization` header, and from nowhere else, to an accepted key."""

import re
from urllib.parse import unquote_to_bytes

from starlette.types import Scope

from api_gateway.client_address import ClientAddresses
from api_gateway.errors import (
    AddressNotAllowed,
    KeyExpired,
    KeyInQuery,
    KeyInvalid,
    KeyRequired,
    KeysUnavailable,
    RoleMissing,
)
from api_gateway.key_text import MalformedKey
from api_gateway.keystore import AcceptedKey, KeyStore
from api_gateway.request_head import RequestHead
from kurs.kernel.clock import Clock
from kurs.kernel.roles import Role

_REALM = 'Bearer realm="kurs"'
_HINT = "send it as the header 'Authorization: Bearer kurs_...'"
_KEY_IN_QUERY = re.compile(
    rb"kurs_[a-z0-9]+_[a-z0-9]+_|(?:^|[&;])(?:api[-_]?key|access[-_]token|authorization|key)=",
    re.IGNORECASE,
)


class Authenticator:
    """Recognises callers by the keys of a store. No message of its problems quotes a key."""

    def __init__(self, keys: KeyStore, addresses: ClientAddresses, clock: Clock) -> None:
        self._keys = keys
        self._addresses = addresses
        self._clock = clock

    def identify(self, head: RequestHead) -> AcceptedKey:
        """Return the key that a request's `Authorization` header proves.

        Raises KeyRequired, KeyInvalid, or KeysUnavailable while no keys could be loaded.
        """
        if not self._keys.loaded:
            raise KeysUnavailable("the gateway has no keys file yet", headers={"Retry-After": "1"})
        if head.authorization is None:
            raise KeyRequired(f"this needs an API key; {_HINT}", headers=_challenge())
        scheme, _, text = head.authorization.partition(b" ")
        if scheme.lower() != b"bearer":
            raise KeyRequired(f"an API key is a bearer token; {_HINT}", headers=_challenge())
        return self._verified(text.strip().decode("latin-1"))

    def admit(self, key: AcceptedKey, scope: Scope) -> None:
        """Raise KeyExpired or AddressNotAllowed when a key may not be used now, or from there."""
        if key.ends_at is not None and key.expired(self._clock.now()):
            raise KeyExpired(
                "this key has expired; use its successor", headers=_challenge("invalid_token")
            )
        if key.networks and not key.may_come_from(self._addresses.of(scope)):
            raise AddressNotAllowed("this key may not be used from this address")

    def still_in_force(self, key: AcceptedKey, role: Role | None, scope: Scope) -> bool:
        """Whether a key that was accepted would be accepted now, for the same."""
        now = self._keys.find(key.entry.id)
        return (
            now is not None
            and now.entry.sha256 == key.entry.sha256
            and (role is None or role in now.roles)
            and not now.expired(self._clock.now())
            and (not now.networks or now.may_come_from(self._addresses.of(scope)))
        )

    def _verified(self, text: str) -> AcceptedKey:
        try:
            key = self._keys.verify(text)
        except MalformedKey as error:
            raise KeyInvalid(str(error), headers=_challenge("invalid_token")) from None
        if key is None:
            raise KeyInvalid(
                "this key is not known, or no longer", headers=_challenge("invalid_token")
            )
        return key


def require_role(key: AcceptedKey, role: Role) -> None:
    """Raise RoleMissing, naming the role, unless the key has it."""
    if role not in key.roles:
        has = ", ".join(sorted(key.roles)) or "none"
        raise RoleMissing(
            f"this needs a key with the role '{role}'; yours has {has}",
            headers={"WWW-Authenticate": f'{_REALM}, error="insufficient_scope", scope="{role}"'},
        )


def refuse_key_in_query(query: bytes) -> None:
    """Raise KeyInQuery when a query string carries a key."""
    if _KEY_IN_QUERY.search(unquote_to_bytes(query) if b"%" in query else query):
        raise KeyInQuery(
            f"an API key does not belong in a URL, where logs keep it; {_HINT}, and replace this "
            "key, since it must be taken as known to others"
        )


def _challenge(error: str = "") -> dict[str, str]:
    return {"WWW-Authenticate": f'{_REALM}, error="{error}"' if error else _REALM}

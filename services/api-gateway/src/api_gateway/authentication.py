"""Who calls: from the `Authorization` header, and from nowhere else, to an accepted key."""

import re
from urllib.parse import unquote_to_bytes

from api_gateway.errors import KeyInQuery, KeyInvalid, KeyRequired, KeysUnavailable, RoleMissing
from api_gateway.key_text import MalformedKey
from api_gateway.keystore import AcceptedKey, KeyStore
from api_gateway.request_head import RequestHead
from kurs.roles import Role

_REALM = 'Bearer realm="kurs"'
_HINT = "send it as the header 'Authorization: Bearer kurs_...'"
_KEY_IN_QUERY = re.compile(
    rb"kurs_[a-z0-9]+_[a-z0-9]+_|(?:^|[&;])(?:api[-_]?key|access[-_]token|authorization|key)=",
    re.IGNORECASE,
)


class Authenticator:
    """Recognises callers by the keys of a store. No message of its problems quotes a key."""

    def __init__(self, keys: KeyStore) -> None:
        self._keys = keys

    def authenticate(self, head: RequestHead) -> AcceptedKey:
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
        raise RoleMissing(
            f"this needs a key with the role '{role}'; yours has {', '.join(key.entry.roles)}",
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

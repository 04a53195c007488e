"""What is stored of an API key, and the keys file: a JSON list of entries.

An entry is `{"id", "merchant", "roles", "sha256"}`, and what applies of `name`, `rate`,
`not_after` and `addresses`. A file of a release before is read, too: its role `operate` counts as
`review`, and for a merchant of the platform's as all that it could do then.
"""

import json
from collections import Counter
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
)

from api_gateway.key_text import KEY_ID_PATTERN
from api_gateway.rate_limit import KEY, Quota
from kurs.kernel.files import read_whole
from kurs.kernel.ids import MerchantId
from kurs.kernel.roles import PLATFORM_ROLES, Role

OPERATE: Literal["operate"] = "operate"
StoredRole = Literal["pay", "refund", "read", "review", "webhooks", "treasury", "audit", "operate"]
_OPERATE_MERCHANT: tuple[Role, ...] = ("review",)
_OPERATE_PLATFORM: tuple[Role, ...] = ("refund", "review", *PLATFORM_ROLES)

NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}"
Network = IPv4Network | IPv6Network


def _known_notation(text: str) -> str:
    Quota(text, KEY)
    return text


def _known_network(text: str) -> str:
    return str(ip_network(text))


class KeyEntry(BaseModel):
    """What is stored of one key; its text is not.

    `rate` is its own in place of the merchant's, `not_after` when it ends, `addresses` the
    networks (CIDR) that it may come from, any if there are none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=rf"^{KEY_ID_PATTERN}$")]
    merchant: MerchantId
    roles: Annotated[tuple[StoredRole, ...], Field(min_length=1)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    name: Annotated[str, Field(pattern=rf"^{NAME_PATTERN}$")] | None = None
    rate: Annotated[str, AfterValidator(_known_notation)] | None = None
    not_after: AwareDatetime | None = None
    addresses: tuple[Annotated[str, AfterValidator(_known_network)], ...] | None = None

    def networks(self) -> tuple[Network, ...]:
        """Return the networks that the key may come from; none: any."""
        return tuple(map(ip_network, self.addresses or ()))

    def roles_for(self, *, platform: bool) -> frozenset[Role]:
        """Return the roles that count, for a merchant of the platform's or another."""
        roles: set[Role] = set()
        for role in self.roles:
            if role == OPERATE:
                roles.update(_OPERATE_PLATFORM if platform else _OPERATE_MERCHANT)
            elif platform or role not in PLATFORM_ROLES:
                roles.add(role)
        return frozenset(roles)


class InvalidKeysFile(ValueError):
    """The keys file cannot be read; the message says where and quotes no digest."""


_ENTRIES = TypeAdapter(list[KeyEntry])


def read_entries(path: Path) -> list[KeyEntry]:
    """Return the entries of a keys file; raises InvalidKeysFile."""
    try:
        entries = _ENTRIES.validate_json(read_whole(path))
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


def render_entry(entry: KeyEntry) -> str:
    """Return an entry as one line of JSON."""
    return json.dumps(entry.model_dump(mode="json", exclude_none=True))


def render_entries(entries: Iterable[KeyEntry]) -> str:
    """Return the text of a keys file with these entries."""
    dumped = [entry.model_dump(mode="json", exclude_none=True) for entry in entries]
    return json.dumps(dumped, indent=2) + "\n"

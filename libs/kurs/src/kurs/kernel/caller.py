"""Who calls: the identity that the gateway established and passes on in headers.

The headers are trusted because the gateway's proof covers them (kurs.edges), and the gateway drops
any that a client sends.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated

from fastapi import Depends, Request

from kurs.kernel.errors import FieldError, Forbidden, Unauthorized, Unprocessable

MERCHANT_HEADER = "x-kurs-merchant"
KEY_ID_HEADER = "x-kurs-key-id"
ROLES_HEADER = "x-kurs-roles"


class MerchantRequired(Unauthorized):
    """The request did not come through the gateway."""

    code = "merchant_required"
    title = "No merchant"


@dataclass(frozen=True, slots=True)
class Caller:
    """The merchant on whose behalf a request runs, and what its key may do."""

    merchant: str
    key_id: str = ""
    roles: frozenset[str] = frozenset()

    @property
    def actor(self) -> str:
        """Return what events name as the one who acted."""
        return f"{self.merchant}/{self.key_id}" if self.key_id else self.merchant

    @property
    def sees_all(self) -> bool:
        """Whether it is told figures of limits and names inside the house (role `audit`)."""
        return "audit" in self.roles

    def require(self, role: str) -> None:
        """Raise Forbidden unless the caller's key has `role`."""
        if role not in self.roles:
            raise Forbidden(f"this needs a key with the role '{role}'")


_MERCHANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SHAPES = {
    KEY_ID_HEADER: re.compile(r"[!-~]{0,64}"),
    ROLES_HEADER: re.compile(r"[a-z,]{0,200}"),
}


async def caller(request: Request) -> Caller:
    """Read the caller from the gateway's headers.

    Raises MerchantRequired without them, Unprocessable when they are none that it sends.
    """
    headers = request.headers
    merchant = headers.get(MERCHANT_HEADER)
    if merchant is None:
        raise MerchantRequired(
            "no X-Kurs-Merchant header: call through the api-gateway, which sets it from the key"
        )
    if not _MERCHANT.fullmatch(merchant):
        raise _unknown(MERCHANT_HEADER)
    key_id, roles = _short(headers, KEY_ID_HEADER), _short(headers, ROLES_HEADER)
    return caller_of(merchant, key_id, roles)


CallerDep = Annotated[Caller, Depends(caller)]


@lru_cache(maxsize=1024)
def caller_of(merchant: str, key_id: str, roles: str) -> Caller:
    """Return the caller that headers, or an item of a batch, name; `roles` are comma separated."""
    return Caller(merchant, key_id, frozenset(r for r in roles.split(",") if r))


def _short(headers: Mapping[str, str], name: str) -> str:
    text = headers.get(name, "")
    if not _SHAPES[name].fullmatch(text):
        raise _unknown(name)
    return text


def _unknown(name: str) -> Unprocessable:
    error = FieldError(name, "is not what the api-gateway sends", "call through the api-gateway")
    return Unprocessable(f"check {name}", errors=[error])

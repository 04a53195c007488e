"""Who calls: the identity that the gateway established and passes on in headers.

The headers are trusted because only the gateway reaches the services (network policy), and the
gateway drops any that a client sends.
"""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header

from kurs.errors import Forbidden, Unauthorized

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

    def require(self, role: str) -> None:
        """Raise Forbidden unless the caller's key has `role`."""
        if role not in self.roles:
            raise Forbidden(f"this needs a key with the role '{role}'")


_MERCHANT = Header(
    pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", include_in_schema=False, alias=MERCHANT_HEADER
)


async def caller(
    x_kurs_merchant: Annotated[str | None, _MERCHANT] = None,
    x_kurs_key_id: Annotated[str, Header(include_in_schema=False, max_length=64)] = "",
    x_kurs_roles: Annotated[str, Header(include_in_schema=False, max_length=200)] = "",
) -> Caller:
    """Read the caller from the gateway's headers; raises MerchantRequired without them."""
    if x_kurs_merchant is None:
        raise MerchantRequired(
            "no X-Kurs-Merchant header: call through the api-gateway, which sets it from the key"
        )
    roles = frozenset(r for r in x_kurs_roles.split(",") if r)
    return Caller(x_kurs_merchant, x_kurs_key_id, roles)


CallerDep = Annotated[Caller, Depends(caller)]

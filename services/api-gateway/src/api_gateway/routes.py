"""The gateway's own answers to a caller: whose key it is, and which currencies there are.

The proxy asks for the key before it lets a request through to here.
"""

from datetime import datetime
from typing import Final

from fastapi import Request
from pydantic import BaseModel

from api_gateway.key_text import environment_of
from api_gateway.keystore import AcceptedKey
from kurs.kernel.currencies import currencies
from kurs.kernel.roles import Role
from kurs.web.routing import router

KEY_IN_SCOPE: Final = "api_gateway.key"
"""Where the scope of a request holds the key that proved itself."""

routes = router(tags=["api-gateway"])


class WhoamiAnswer(BaseModel):
    """The key that a request came with. Roles are those that count; `not_after` is when it ends."""

    merchant: str
    key_id: str
    key_name: str | None
    roles: list[Role]
    environment: str
    not_after: datetime | None


class CurrencyAnswer(BaseModel):
    """A currency; `decimals` is how many an amount may have, `payable` whether it can be paid."""

    code: str
    decimals: int
    payable: bool
    name: str


class CurrenciesAnswer(BaseModel):
    """Every currency that an amount here can be in."""

    currencies: list[CurrencyAnswer]


_CURRENCIES = CurrenciesAnswer(
    currencies=[
        CurrencyAnswer(code=c.code, decimals=c.decimals, payable=c.payable, name=c.name)
        for c in currencies()
    ]
)


@routes.head("/whoami", include_in_schema=False)
@routes.get("/whoami", summary="Whose key this is, and what it may do")
async def whoami(request: Request) -> WhoamiAnswer:
    """Return what is known of the key that the request came with."""
    key: AcceptedKey = request.scope[KEY_IN_SCOPE]
    return WhoamiAnswer(
        merchant=key.merchant,
        key_id=key.entry.id,
        key_name=key.entry.name,
        roles=sorted(key.roles),
        environment=environment_of(request.headers["authorization"].split()[-1]),
        not_after=key.entry.not_after,
    )


@routes.head("/currencies", include_in_schema=False)
@routes.get("/currencies", summary="Currencies and their decimals")
async def list_currencies() -> CurrenciesAnswer:
    """Return the table by which amounts are read and written."""
    return _CURRENCIES

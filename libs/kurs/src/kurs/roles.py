"""The roles that an API key may have."""

from typing import Literal

Role = Literal["pay", "read", "operate"]
ROLES: tuple[Role, ...] = ("pay", "read", "operate")

"""The roles that an API key may have."""

from typing import Literal

Role = Literal["pay", "refund", "read", "review", "webhooks", "treasury", "audit"]
MERCHANT_ROLES: tuple[Role, ...] = ("pay", "refund", "read", "review", "webhooks")
PLATFORM_ROLES: tuple[Role, ...] = ("treasury", "audit")
"""For keys of the platform's merchants only (KURS_PLATFORM_MERCHANTS of the gateway)."""
ROLES: tuple[Role, ...] = MERCHANT_ROLES + PLATFORM_ROLES

"""Settings of risk, read from `KURS_*` environment variables once, at start."""

from pathlib import Path

from pydantic import field_validator

from kurs.data.limits import DatabaseSettings
from kurs.kernel.accounts import bare, is_payee_id
from kurs.kernel.http_address import HttpAddress
from kurs.kernel.settings import MEBIBYTE


class RiskSettings(DatabaseSettings):
    """What risk needs beyond the common settings. Durations are in seconds."""

    service: str = "risk"
    port: int = 8084
    database_url: str = "sqlite:///var/risk.db"
    config_dir: Path = Path("var/config/risk")
    max_body_bytes: int = 4 * MEBIBYTE
    fx_url: HttpAddress = "http://127.0.0.1:8082"
    """Where fx is."""
    rates_poll_seconds: float = 5.0
    """Between two looks for the rates of fx."""
    rates_max_age_seconds: float = 120.0
    """Rates are not used any more when fx has not confirmed them for so long."""
    rates_grace_seconds: float = 5.0
    """How long a process that starts is not ready for want of rates; then it works without."""
    blocked_accounts: str = ""
    """Accounts that neither pay nor are paid whatever the document says, separated by commas."""
    cleanup_seconds: float = 5.0
    """Between two turns of removing old velocity buckets."""

    @field_validator("blocked_accounts")
    @classmethod
    def _no_payee_ids(cls, text: str) -> str:
        for account in text.split(","):
            # It would never match: risk judges accounts by name.
            if is_payee_id(bare(account.strip())):
                raise ValueError(f"{account.strip()} is a payee id; name it merchant/account")
        return text

    def blocklist(self) -> frozenset[str]:
        """Return the blocked accounts."""
        return frozenset(a.strip() for a in self.blocked_accounts.split(",") if a.strip())

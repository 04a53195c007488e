"""Settings of the wallet, from `KURS_*` environment variables."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from kurs.data.limits import DatabaseSettings
from kurs.kernel.settings import MEBIBYTE
from wallet.domain.deposits import Ceilings

# A ninetieth of what 64 bits hold: nothing can bring an account of the house near the edge.
_MOST = 10**17
MinorUnits = Annotated[int, Field(ge=0, le=_MOST)]


class WalletSettings(DatabaseSettings):
    """The common settings with the wallet's defaults, and its background work."""

    service: str = "wallet"
    port: int = 8083
    database_url: str = "sqlite:///var/wallet.db"
    max_body_bytes: int = 4 * MEBIBYTE
    quote_verify_keys_file: Path | None = None
    """Public keys of quotes (PEM, any number); read anew when the file changes."""
    hold_expiry_seconds: float = 1.0
    """Seconds between two looks for expired holds."""
    audit_seconds: float = 30.0
    """Seconds between two sums over the ledger."""
    audit_whole_seconds: float = 3_600.0
    """Seconds between the beginnings of two passes that compare the whole ledger; a large one takes
    as many looks as it needs."""
    audit_transfers: int = Field(default=5_000, ge=1)
    """Transfers that a look compares at most, with five times as many postings: 0.3 s of CPU.
    A million are through after 200 looks."""
    ledger_head_seconds: float = 60.0
    """Seconds between two signed heads of the ledger's chains."""
    ledger_signing_key_file: Path | None = None
    """The Ed25519 key that signs them (PEM, PKCS 8); without one heads are published unsigned."""
    deposit_max_minor: dict[str, MinorUnits] = Field(default={"*": 10**14})
    """What one deposit may bring: minor units by currency, "*" for those that are not named."""
    deposit_daily_max_minor: dict[str, MinorUnits] = Field(default={"*": 10**15})
    """What the deposits of a day (UTC) may bring, in the same form."""
    deposit_total_max_minor: dict[str, MinorUnits] = Field(default={"*": 10**17})
    """What all deposits together may bring, in the same form."""
    overdraft_max_minor: dict[str, MinorUnits] = Field(default={"*": 10**12})
    """How far one account may be overdrawn, in the same form."""
    accounts_max: int = Field(default=1_000_000, ge=1)
    """How many accounts one merchant may have."""
    accounts_daily_max: int = Field(default=100_000, ge=1)
    """How many accounts one merchant may open within a day (UTC)."""

    def ceilings(self) -> Ceilings:
        """Return the bounds of deposits."""
        return Ceilings(
            self.deposit_max_minor, self.deposit_daily_max_minor, self.deposit_total_max_minor
        )

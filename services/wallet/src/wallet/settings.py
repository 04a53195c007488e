"""Settings of the wallet, from `KURS_*` environment variables."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from kurs.kernel.settings import MEBIBYTE, ServiceSettings
from wallet.domain.deposits import Ceilings

# A ninetieth of what 64 bits hold: nothing can bring an account of the house near the edge.
_MOST = 10**17
MinorUnits = Annotated[int, Field(ge=0, le=_MOST)]


class WalletSettings(ServiceSettings):
    """The common settings with the wallet's defaults, and its background work."""

    service: str = "wallet"
    port: int = 8083
    database_url: str = "sqlite:///var/wallet.db"
    max_body_bytes: int = 4 * MEBIBYTE
    # Public keys of quotes (PEM, any number); read anew when the file changes.
    quote_verify_keys_file: Path | None = None
    # Seconds between two looks for expired holds.
    hold_expiry_interval: float = 1.0
    # Seconds between two sums over the ledger.
    audit_interval: float = 30.0
    # Seconds between two looks that compare the whole ledger: 25 µs of CPU a transfer.
    audit_whole_interval: float = 3_600.0
    # Seconds between two signed heads of the ledger's chains.
    head_interval: float = 60.0
    # The Ed25519 key that signs them (PEM, PKCS 8); without one heads are published unsigned.
    ledger_signing_key_file: Path | None = None
    # Ceilings in minor units by currency, "*" for those that are not named: what one deposit may
    # bring, those of a day (UTC), and all together; and how far one account may be overdrawn.
    deposit_max_minor: dict[str, MinorUnits] = Field(default={"*": 10**14})
    deposit_daily_max_minor: dict[str, MinorUnits] = Field(default={"*": 10**15})
    deposit_total_max_minor: dict[str, MinorUnits] = Field(default={"*": 10**17})
    overdraft_max_minor: dict[str, MinorUnits] = Field(default={"*": 10**12})

    def ceilings(self) -> Ceilings:
        """Return the bounds of deposits."""
        return Ceilings(
            self.deposit_max_minor, self.deposit_daily_max_minor, self.deposit_total_max_minor
        )

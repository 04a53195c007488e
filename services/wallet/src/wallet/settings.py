"""Settings of the wallet, from `KURS_*` environment variables."""

from pathlib import Path

from kurs.settings import MEBIBYTE, ServiceSettings


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

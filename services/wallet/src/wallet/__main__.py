"""`python -m wallet` serves; `python -m wallet migrate` brings the schema up to date."""

from kurs.migrations import migrate
from kurs.server import main
from wallet.app import create_app
from wallet.migrations import VERSIONS
from wallet.settings import WalletSettings

if __name__ == "__main__":
    settings = WalletSettings()
    main(
        settings,
        lambda: create_app(settings),
        migrate=lambda: migrate(settings.database_url, VERSIONS),
    )

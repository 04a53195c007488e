"""`python -m payments` serves payments; `python -m payments migrate` migrates its database."""

from kurs.migrations import migrate
from kurs.server import main
from payments.app import create_app
from payments.migrations import VERSIONS
from payments.settings import PaymentsSettings

if __name__ == "__main__":
    settings = PaymentsSettings()
    main(
        settings,
        lambda: create_app(settings),
        migrate=lambda: migrate(settings.database_url, VERSIONS),
    )

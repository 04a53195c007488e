"""`python -m risk` serves; `python -m risk migrate` migrates the database."""

from kurs.data.migrations import migrate
from kurs.web.server import main
from risk.app import create_app
from risk.migrations import GRANTS, VERSIONS
from risk.settings import RiskSettings

if __name__ == "__main__":
    settings = RiskSettings()
    main(
        settings,
        lambda: create_app(settings),
        migrate=lambda: migrate(
            settings.database_url, VERSIONS, grants=GRANTS, role=settings.database_service_role
        ),
    )
